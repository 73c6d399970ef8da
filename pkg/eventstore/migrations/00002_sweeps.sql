-- +goose Up
CREATE TABLE orderflow.sweeps (
    service  text        PRIMARY KEY,
    swept_at timestamptz NOT NULL
);
COMMENT ON TABLE orderflow.sweeps IS 'When each service last looked again at everything that had moved. Bells that were lost since then are rung by its next sweep, however long that is.';
