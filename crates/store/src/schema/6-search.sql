-- Titles, in lower case, by which requests are searched and sorted.
ALTER TABLE patron_request ADD COLUMN title TEXT NOT NULL DEFAULT '';
-- A patron's ended requests are searched too.
DROP INDEX patron_request_identifier;
DROP INDEX patron_request_verified;
CREATE INDEX patron_request_identifier ON patron_request (patron_identifier_digest);
CREATE INDEX patron_request_verified ON patron_request (patron_verified);
