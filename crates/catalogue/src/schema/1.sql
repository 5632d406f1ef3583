-- Times are microseconds since the Unix epoch.

-- An institution whose records are harvested or loaded.
CREATE TABLE source (
    number BIGINT PRIMARY KEY, -- the upper bits of its records' ids
    institution TEXT NOT NULL UNIQUE,
    next_record BIGINT NOT NULL, -- the lower bits of the next new record's id
    lease_owner TEXT,
    lease_until BIGINT NOT NULL DEFAULT 0,
    fencing_token BIGINT NOT NULL DEFAULT 0,
    harvest BIGINT, -- the harvest that is not finished
    checkpoint TEXT, -- where that harvest resumes (JSON)
    next_from BIGINT, -- where the next harvest of changes begins
    last_started_at BIGINT,
    last_full_at BIGINT,
    requested TEXT, -- a harvest that somebody asked for: changes or full
    judged_by TEXT -- the rules by which its records were judged last
);

-- One run of a harvest or load, and its report.
CREATE TABLE harvest (
    id BIGINT PRIMARY KEY,
    institution TEXT NOT NULL,
    kind TEXT NOT NULL, -- changes, full or file
    state TEXT NOT NULL, -- running, done or failed
    node TEXT,
    started_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    ended_at BIGINT,
    report TEXT NOT NULL -- JSON
);
CREATE INDEX harvest_institution ON harvest (institution, id);

-- One record of an institution.
CREATE TABLE record (
    id BIGINT PRIMARY KEY,
    source BIGINT NOT NULL,
    local_id TEXT NOT NULL,
    datestamp BIGINT,
    harvested_at BIGINT NOT NULL,
    state BIGINT NOT NULL, -- 0 shown, 1 suppressed, 2 deleted, 3 failed
    reason TEXT, -- the rule or failure
    digest BIGINT NOT NULL, -- of the content, so that an unchanged record is no work
    version BIGINT NOT NULL,
    harvest BIGINT NOT NULL, -- the last harvest that saw it
    edition BIGINT -- the group that it belongs to, or belonged to last
);
CREATE UNIQUE INDEX record_local_id ON record (source, local_id);
CREATE INDEX record_edition ON record (edition);

-- Records that wait for their group.
CREATE TABLE pending (
    record BIGINT PRIMARY KEY,
    version BIGINT NOT NULL
);

-- A group: the records of one edition and format.
CREATE TABLE edition (
    id BIGINT PRIMARY KEY,
    change BIGINT NOT NULL, -- its place in the change feed
    display BIGINT, -- the record that stands for it; none while no record is shown
    members BIGINT NOT NULL,
    merged_into BIGINT -- the group that has taken its records
);
CREATE UNIQUE INDEX edition_change ON edition (change);
CREATE INDEX edition_merged_into ON edition (merged_into);

-- Work that one node at a time does.
CREATE TABLE lease (
    name TEXT PRIMARY KEY,
    owner TEXT,
    lease_until BIGINT NOT NULL,
    fencing_token BIGINT NOT NULL
);
INSERT INTO lease (name, lease_until, fencing_token) VALUES ('grouping', 0, 0);
-- What grouping knows of a record: the version it has seen, and the keys that it has noted.
CREATE TABLE grouped (
    record BIGINT PRIMARY KEY,
    version BIGINT NOT NULL,
    keys TEXT NOT NULL -- numbers with commas
);
