INSERT INTO virtual_patron (patron, institution, side, id, last_used_at)
SELECT patron_verified, lender, 'lender', MAX(json_extract(document, '$.supply.virtual_patron')), MAX(updated_at) FROM patron_request
WHERE patron_verified IS NOT NULL AND lender IS NOT NULL AND json_extract(document, '$.supply.virtual_patron') IS NOT NULL
GROUP BY patron_verified, lender;
INSERT INTO virtual_patron (patron, institution, side, id, last_used_at)
SELECT patron_verified, json_extract(document, '$.pickup.institution'), 'pickup', MAX(json_extract(document, '$.pickup_side.virtual_patron')), MAX(updated_at) FROM patron_request
WHERE patron_verified IS NOT NULL AND json_extract(document, '$.pickup_side.virtual_patron') IS NOT NULL
GROUP BY patron_verified, json_extract(document, '$.pickup.institution');
