-- The agencies of a request, by which lists are limited to the requests that a caller may see.
ALTER TABLE patron_request ADD COLUMN agency TEXT NOT NULL DEFAULT ''; -- the patron's
ALTER TABLE patron_request ADD COLUMN lender_place TEXT; -- institution/library
ALTER TABLE patron_request ADD COLUMN pickup_location TEXT NOT NULL DEFAULT '';

-- Keys of the API. The key itself is not kept.
CREATE TABLE api_key (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE, -- SHA-256 of the key
    role TEXT NOT NULL,
    agencies TEXT NOT NULL, -- one per line
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at BIGINT NOT NULL DEFAULT 0, -- 0 for never; a revocation is the end of its time
    last_used_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX api_key_name ON api_key (name);

-- Administrative acts, in one chain. Entries are only ever added.
CREATE TABLE admin_audit (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL, -- an address, or 'command line'
    act TEXT NOT NULL,
    object TEXT NOT NULL,
    agencies TEXT NOT NULL, -- whose it is, one per line
    before TEXT, -- without secrets
    after TEXT,
    hash TEXT NOT NULL
);

-- Reads of patron data. Not part of the audit: rows are removed when their time is over.
CREATE TABLE patron_read (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    operation TEXT NOT NULL,
    request TEXT NOT NULL,
    agency TEXT NOT NULL, -- the patron's
    shown TEXT NOT NULL,
    reason TEXT -- sealed
);
CREATE INDEX patron_read_at ON patron_read (at, id);

-- People who sign in.
CREATE TABLE hub_user (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    agencies TEXT NOT NULL, -- one per line
    password TEXT NOT NULL, -- Argon2 digest
    totp_secret TEXT, -- sealed
    totp_step BIGINT NOT NULL DEFAULT 0, -- of the last code that was accepted: no code counts twice
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    disabled_at BIGINT NOT NULL DEFAULT 0,
    last_sign_in_at BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE hub_session (
    digest TEXT PRIMARY KEY, -- SHA-256 of the token
    name TEXT NOT NULL, -- the user
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX hub_session_name ON hub_session (name);
