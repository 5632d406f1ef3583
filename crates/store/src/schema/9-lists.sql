-- A patron's list is one read, which names all its requests: the first one in `request`, the others here, with commas.
ALTER TABLE patron_read ADD COLUMN other_requests TEXT;
-- A patron learns who was shown the data.
CREATE INDEX patron_read_request ON patron_read (request);
CREATE INDEX patron_read_lists ON patron_read (agency) WHERE other_requests IS NOT NULL;

-- The user records that the system of a removed institution still has can't be removed by the hub.
DELETE FROM virtual_patron WHERE institution NOT IN (SELECT code FROM institution);

-- Databases differ in what they take for the lower case of a letter, so the program brings the titles in order: it goes
-- on after this id.
INSERT INTO setting (name, value) VALUES ('titles_in_order_to', '');
