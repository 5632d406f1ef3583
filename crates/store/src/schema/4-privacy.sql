-- Secrets of the hub. They stay the same when the master key is replaced.
CREATE TABLE secret (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL -- sealed
);

-- The user records that represent patrons in the systems of other libraries.
CREATE TABLE virtual_patron (
    patron TEXT NOT NULL, -- the digest of the patron's id
    institution TEXT NOT NULL, -- whose system has the record
    side TEXT NOT NULL, -- 'lender' or 'pickup'
    id TEXT NOT NULL, -- the record's id there
    last_used_at BIGINT NOT NULL, -- when a request needed it last
    kept_until BIGINT NOT NULL DEFAULT 0, -- until when its removal isn't tried, after the library's system kept it
    PRIMARY KEY (patron, institution, side)
);
CREATE INDEX virtual_patron_used ON virtual_patron (last_used_at);

-- Until when virtual patrons got ids without a key.
INSERT INTO setting (name, value)
SELECT 'unkeyed_ids_until', CAST(MAX(placed_at) AS TEXT) FROM patron_request HAVING COUNT(*) > 0;

ALTER TABLE patron_request ADD COLUMN audit_key TEXT; -- sealed: the key of the texts in its audit
ALTER TABLE patron_request ADD COLUMN finished_at BIGINT; -- when it ended, until it is anonymous
UPDATE patron_request SET finished_at = updated_at WHERE open = 0;
CREATE INDEX patron_request_finished ON patron_request (finished_at, id) WHERE finished_at IS NOT NULL;
