INSERT INTO request_barcode (barcode, request)
SELECT LOWER(document::jsonb #>> '{supply,copy,barcode}'), id FROM patron_request WHERE document::jsonb #>> '{supply,copy,barcode}' IS NOT NULL
UNION SELECT LOWER(document::jsonb #>> '{borrower,barcode}'), id FROM patron_request WHERE document::jsonb #>> '{borrower,barcode}' IS NOT NULL
UNION SELECT LOWER(document::jsonb #>> '{pickup_side,barcode}'), id FROM patron_request WHERE document::jsonb #>> '{pickup_side,barcode}' IS NOT NULL;
