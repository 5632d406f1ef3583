INSERT INTO virtual_patron (patron, institution, side, id, last_used_at)
SELECT patron_verified, lender, 'lender', MAX((document::jsonb #>> '{supply,virtual_patron}')), MAX(updated_at) FROM patron_request
WHERE patron_verified IS NOT NULL AND lender IS NOT NULL AND (document::jsonb #>> '{supply,virtual_patron}') IS NOT NULL
GROUP BY patron_verified, lender;
INSERT INTO virtual_patron (patron, institution, side, id, last_used_at)
SELECT patron_verified, (document::jsonb #>> '{pickup,institution}'), 'pickup', MAX((document::jsonb #>> '{pickup_side,virtual_patron}')), MAX(updated_at) FROM patron_request
WHERE patron_verified IS NOT NULL AND (document::jsonb #>> '{pickup_side,virtual_patron}') IS NOT NULL
GROUP BY patron_verified, (document::jsonb #>> '{pickup,institution}');
