-- Texts beside mails, and what their provider tells of them afterwards. The rows that are there are mails and stay as
-- they are, so that nothing has to be folded anew.

-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE
    one  regclass;
    live int := (SELECT generation FROM projection.generation);
BEGIN
    FOR one IN
        SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND (n.nspname = 'projection_template' AND c.relname = 'notifications' OR n.nspname = 'projection' AND c.relname ~ '^notifications_g\d+$')
    LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN channel text NOT NULL DEFAULT ''email'', ADD COLUMN provider text, ADD COLUMN message_id text,
            ADD COLUMN report text, ADD COLUMN error_code text, ADD COLUMN reported_at timestamptz', one);
        EXECUTE format('COMMENT ON COLUMN %s.channel IS %L', one, 'How the customer was told: email, sms.');
        EXECUTE format('COMMENT ON COLUMN %s.provider IS %L', one, 'Who took a text: twilio.');
        EXECUTE format('COMMENT ON COLUMN %s.message_id IS %L', one, 'The provider''s id of a text.');
        EXECUTE format('COMMENT ON COLUMN %s.report IS %L', one, 'The best that the provider told of it afterwards: undelivered, delivered, read.');
        EXECUTE format('COMMENT ON COLUMN %s.error_code IS %L', one, 'The provider''s code, if it was not delivered: 30003.');
        EXECUTE format('COMMENT ON COLUMN %s.reported_at IS %L', one, 'When the provider told it, by the time that it gave.');
        EXECUTE format('COMMENT ON TABLE %s IS %L', one, 'One row per message to the customer, mail or text: sent, failed for good, or not sent on purpose.');
    END LOOP;
    PERFORM projection.show(live);
END $$;
-- +goose StatementEnd
