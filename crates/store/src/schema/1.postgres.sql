CREATE FUNCTION refuse_to_change_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is only ever added to';
END
$$;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_audit();

-- Room for the next version of a row on its own page: then no index has to learn where it is.
ALTER TABLE patron_request SET (fillfactor = 50);
ALTER TABLE poll SET (fillfactor = 70);
