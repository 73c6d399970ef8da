-- +goose Up
GRANT USAGE ON SCHEMA read, projection, projection_template, journal TO orderflow_projector;
GRANT SELECT ON ALL TABLES IN SCHEMA read, projection_template TO orderflow_projector;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA projection TO orderflow_projector;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA journal TO orderflow_projector;
-- The tables of the next generation are made by whoever rebuilds: the same who migrates.
ALTER DEFAULT PRIVILEGES IN SCHEMA projection GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO orderflow_projector;

-- The journal's days are made and dropped in its owner's name, by the projector alone: a table's owner could empty it.
ALTER FUNCTION journal.make_day(date)    SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION journal.drop_before(date) SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE EXECUTE ON FUNCTION journal.make_day(date), journal.drop_before(date) FROM PUBLIC;
GRANT  EXECUTE ON FUNCTION journal.make_day(date), journal.drop_before(date) TO orderflow_projector;
