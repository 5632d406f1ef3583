-- The requests that wait at the libraries' desks: a narrow row each, since the counts of all queues read many of them. A row
-- changes when a request moves to another queue, and not with every decision.
CREATE TABLE open_work (
    request TEXT PRIMARY KEY REFERENCES patron_request (id),
    queue TEXT NOT NULL, -- '' for a request that waits in none
    wait TEXT NOT NULL, -- the wait of which the queue is a part
    waits_since BIGINT, -- since when; on loan, the due date
    needs_decision BIGINT NOT NULL,
    decision_since BIGINT,
    cases TEXT NOT NULL, -- lost, missing, damaged and so on: between commas
    cases_since BIGINT,
    asked_at BIGINT NOT NULL, -- when the request was placed
    at_agency TEXT NOT NULL, -- the patron's agency
    at_lender TEXT NOT NULL,
    at_place TEXT NOT NULL, -- institution/library of the lender
    at_pickup TEXT NOT NULL -- the pickup location
);
CREATE INDEX open_work_agency ON open_work (at_agency);
CREATE INDEX open_work_lender ON open_work (at_lender);
CREATE INDEX open_work_pickup ON open_work (at_pickup);
CREATE INDEX open_work_wait ON open_work (wait, asked_at, request);
CREATE INDEX open_work_cases ON open_work (asked_at, request) WHERE cases <> '';

-- What requests add to the daily numbers, in the commit of the change. A job adds the rows up into daily_summary.
CREATE TABLE summary_change (
    request TEXT NOT NULL,
    version BIGINT NOT NULL, -- of the request after the change
    seq BIGINT NOT NULL,
    day TEXT NOT NULL,
    side TEXT NOT NULL,
    place TEXT NOT NULL, -- an agency, a lender's institution/library, or a pickup location
    institution TEXT NOT NULL, -- the lender's; '' for other sides
    measure TEXT NOT NULL,
    detail TEXT NOT NULL, -- a reason, or a number of days
    number BIGINT NOT NULL,
    days BIGINT NOT NULL,
    fold BIGINT NOT NULL DEFAULT 0, -- the run of the job that adds it up
    PRIMARY KEY (request, version, seq)
);
CREATE INDEX summary_change_fold ON summary_change (fold);
CREATE INDEX summary_change_day ON summary_change (day);

-- The numbers of a day, by side and place. They name no request, so they stay when a request is forgotten.
CREATE TABLE daily_summary (
    day TEXT NOT NULL,
    side TEXT NOT NULL,
    place TEXT NOT NULL,
    institution TEXT NOT NULL,
    measure TEXT NOT NULL,
    detail TEXT NOT NULL,
    number BIGINT NOT NULL,
    days BIGINT NOT NULL,
    PRIMARY KEY (day, side, place, measure, detail)
);

-- What the libraries of a request write to each other.
CREATE TABLE request_message (
    request TEXT NOT NULL REFERENCES patron_request (id),
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    agency TEXT NOT NULL, -- '' for the consortium's office
    sender TEXT NOT NULL,
    body TEXT NOT NULL, -- under the request's own key, which an erasure removes
    PRIMARY KEY (request, seq)
);

-- Messages that an agency has not read yet.
CREATE TABLE unread_message (
    agency TEXT NOT NULL,
    request TEXT NOT NULL REFERENCES patron_request (id),
    number BIGINT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (agency, request)
);
CREATE INDEX unread_message_request ON unread_message (request);

-- The stop on the courier's route, for slips.
ALTER TABLE pickup_location ADD COLUMN route_code TEXT;

-- Filters of lists that people keep.
CREATE TABLE saved_view (
    owner TEXT NOT NULL, -- the name of a user or key
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    list TEXT NOT NULL,
    filter TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (owner, code)
);
