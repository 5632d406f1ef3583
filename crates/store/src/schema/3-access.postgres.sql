UPDATE patron_request SET
    agency = document::jsonb #>> '{patron,agency}',
    lender_place = (document::jsonb #>> '{supply,institution}') || '/' || (document::jsonb #>> '{supply,copy,library}'),
    pickup_location = document::jsonb #>> '{pickup,code}';
CREATE TRIGGER admin_audit_is_not_changed BEFORE UPDATE OR DELETE ON admin_audit
FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_audit();
