-- +goose Up
-- What is appended is sent in one piece, so it is the database that has to say no to a version that does not follow.
-- +goose StatementBegin
CREATE FUNCTION orderflow.must_be(counted bigint, wanted bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF counted <> wanted THEN
        RAISE EXCEPTION '% of % events follow the one before them', counted, wanted USING ERRCODE = 'serialization_failure';
    END IF;
END $$;
-- +goose StatementEnd
COMMENT ON FUNCTION orderflow.must_be(bigint, bigint) IS 'Undoes a transaction that appends an event whose predecessor is missing.';
