CREATE TABLE content (
    record INTEGER PRIMARY KEY,
    marc BLOB, -- compressed
    keys BLOB, -- what grouping compares
    copies TEXT -- JSON
);
-- From a key to the records that have it.
CREATE TABLE match_key (
    key INTEGER NOT NULL,
    record INTEGER NOT NULL,
    PRIMARY KEY (key, record)
) WITHOUT ROWID;
-- Places of a harvest or file that could not be read.
CREATE TABLE set_aside (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source INTEGER NOT NULL,
    harvest INTEGER NOT NULL,
    local_id TEXT,
    reason TEXT NOT NULL,
    bytes BLOB
);
CREATE INDEX set_aside_harvest ON set_aside (harvest);
