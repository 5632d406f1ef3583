UPDATE patron_request SET
    agency = json_extract(document, '$.patron.agency'),
    lender_place = json_extract(document, '$.supply.institution') || '/' || json_extract(document, '$.supply.copy.library'),
    pickup_location = json_extract(document, '$.pickup.code');
CREATE TRIGGER admin_audit_is_not_changed BEFORE UPDATE ON admin_audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is only ever added to');
END;
CREATE TRIGGER admin_audit_is_not_deleted BEFORE DELETE ON admin_audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is only ever added to');
END;
