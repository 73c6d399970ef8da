-- +goose Up
CREATE SCHEMA IF NOT EXISTS fraud;

CREATE TABLE fraud.sightings (
    customer bytea       NOT NULL,
    order_id uuid        NOT NULL,
    seen_at  timestamptz NOT NULL,
    PRIMARY KEY (customer, order_id)
);
COMMENT ON TABLE fraud.sightings IS 'Which customer (a keyed hash of the address) made which order, for velocity counts.';
CREATE INDEX sightings_by_time ON fraud.sightings (customer, seen_at);
