-- The barcodes of a request's items: the lender's, and those of the virtual items. A row stays when a barcode changes,
-- since the old label may still be on the book.
CREATE TABLE request_barcode (
    barcode TEXT NOT NULL, -- in lower case
    request TEXT NOT NULL REFERENCES patron_request (id),
    PRIMARY KEY (barcode, request)
);
