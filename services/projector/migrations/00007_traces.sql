-- The trace that an event belongs to. Events of before have none, so nothing has to be folded anew.

-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE
    one  regclass;
    live int := (SELECT generation FROM projection.generation);
BEGIN
    FOR one IN
        SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND (n.nspname = 'projection_template' AND c.relname = 'order_timeline' OR n.nspname = 'projection' AND c.relname ~ '^order_timeline_g\d+$')
    LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN trace_id text', one);
        EXECUTE format('COMMENT ON COLUMN %s.trace_id IS %L', one, 'The trace of what led to it, as tracing tools write it: 32 digits, which are the id of the delivery or the command with which it began. Empty for events of older versions.');
    END LOOP;
    PERFORM projection.show(live);
END $$;
-- +goose StatementEnd
