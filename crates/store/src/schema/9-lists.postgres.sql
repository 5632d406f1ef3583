-- Titles are in the same order on both databases, whatever the server's locale is.
ALTER TABLE patron_request ALTER COLUMN title TYPE TEXT COLLATE "C";
