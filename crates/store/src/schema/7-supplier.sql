-- The policy for the choice of the supplier, in all its versions.
CREATE TABLE supplier_policy (
    seq BIGINT PRIMARY KEY, -- the version, from 1
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    document TEXT NOT NULL
);

-- Which copies were chosen for a request, and why. Each choice stays as it was made.
CREATE TABLE supplier_choice (
    request TEXT NOT NULL REFERENCES patron_request (id),
    seq BIGINT NOT NULL, -- from 1
    at BIGINT NOT NULL,
    policy BIGINT NOT NULL, -- the version; 0 for the policy that a hub begins with
    document TEXT NOT NULL,
    PRIMARY KEY (request, seq)
);
CREATE INDEX supplier_choice_at ON supplier_choice (at, request);

-- The open requests of each lender. It has an expression, so that no search for an item takes it for its own index.
CREATE INDEX patron_request_supplies ON patron_request (COALESCE(lender, '')) WHERE open = 1;
