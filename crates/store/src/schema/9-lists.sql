-- A patron's list is one read, which names all its requests: the first one in `request`, the others here, with commas.
ALTER TABLE patron_read ADD COLUMN other_requests TEXT;
