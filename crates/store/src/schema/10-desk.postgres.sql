-- Room for the next version of a row on its own page.
ALTER TABLE open_work SET (fillfactor = 80);
