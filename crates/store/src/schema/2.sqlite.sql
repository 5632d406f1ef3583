INSERT INTO request_barcode (barcode, request)
SELECT LOWER(json_extract(document, '$.supply.copy.barcode')), id FROM patron_request WHERE json_extract(document, '$.supply.copy.barcode') IS NOT NULL
UNION SELECT LOWER(json_extract(document, '$.borrower.barcode')), id FROM patron_request WHERE json_extract(document, '$.borrower.barcode') IS NOT NULL
UNION SELECT LOWER(json_extract(document, '$.pickup_side.barcode')), id FROM patron_request WHERE json_extract(document, '$.pickup_side.barcode') IS NOT NULL;
