CREATE TABLE content (
    record BIGINT PRIMARY KEY,
    marc BYTEA, -- compressed
    keys BYTEA, -- what grouping compares
    copies TEXT -- JSON
);
-- The content is compressed already.
ALTER TABLE content ALTER COLUMN marc SET STORAGE EXTERNAL;
-- From a key to the records that have it.
CREATE TABLE match_key (
    key BIGINT NOT NULL,
    record BIGINT NOT NULL,
    PRIMARY KEY (key, record)
);
-- Places of a harvest or file that could not be read.
CREATE TABLE set_aside (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source BIGINT NOT NULL,
    harvest BIGINT NOT NULL,
    local_id TEXT,
    reason TEXT NOT NULL,
    bytes BYTEA
);
CREATE INDEX set_aside_harvest ON set_aside (harvest);
