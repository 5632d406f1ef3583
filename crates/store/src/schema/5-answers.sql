-- Calls with an Idempotency-Key, and the answers to them, so that a repeated call gets the same answer.
CREATE TABLE answer (
    id TEXT PRIMARY KEY, -- a keyed digest of caller, operation and key
    call TEXT NOT NULL, -- a keyed digest of the address and the body
    state TEXT NOT NULL, -- 'running', 'kept' or 'secret'
    attempt BIGINT NOT NULL, -- the number of the run, since a run that was lost is followed by another
    begun_at BIGINT NOT NULL,
    lease_until BIGINT NOT NULL, -- when a run that has not ended counts as lost
    answer TEXT -- sealed; only if it is kept
);
CREATE INDEX answer_begun ON answer (begun_at);

-- How often an object was changed, so that a caller can make a change depend on the version that it has read.
ALTER TABLE institution ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE agency ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE pickup_location ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
