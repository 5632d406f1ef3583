-- Changes of requests as other programs learn of them. They hold no data of a patron. A row is written with the change;
-- its position is given later, in the order of the commits, and a program continues after the last one that it has read.
CREATE TABLE request_event (
    request TEXT NOT NULL,
    version BIGINT NOT NULL, -- of the request after the change
    position BIGINT,
    at BIGINT NOT NULL,
    borrower TEXT NOT NULL, -- the patron's agency
    lender TEXT,
    lender_library TEXT,
    pickup_location TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (request, version)
);
CREATE UNIQUE INDEX request_event_position ON request_event (position) WHERE position IS NOT NULL;
CREATE INDEX request_event_new ON request_event (version, at) WHERE position IS NULL;

-- Where other programs want events to be sent.
CREATE TABLE subscription (
    code TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    language TEXT NOT NULL,
    secret TEXT NOT NULL, -- sealed
    previous_secret TEXT, -- sealed
    previous_until BIGINT, -- the former secret signs next to the other one until then
    role TEXT NOT NULL, -- of the key that made it: it decides what is sent
    agencies TEXT NOT NULL,
    private_allowed BIGINT NOT NULL, -- whether its address may be a private one
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    active BIGINT NOT NULL,
    position BIGINT NOT NULL, -- of the last event that was considered
    failures BIGINT NOT NULL DEFAULT 0, -- in a row
    due_at BIGINT NOT NULL, -- nothing is sent before
    last_delivered_at BIGINT,
    last_error TEXT,
    lease_owner TEXT,
    lease_until BIGINT
);

-- Events that are still to be sent to a subscription, or that could not be.
CREATE TABLE delivery (
    subscription TEXT NOT NULL REFERENCES subscription (code),
    position BIGINT NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL, -- pending or dead
    attempts BIGINT NOT NULL DEFAULT 0,
    first_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    error TEXT,
    PRIMARY KEY (subscription, position)
);
CREATE INDEX delivery_order ON delivery (subscription, request, position) WHERE state = 'pending';
