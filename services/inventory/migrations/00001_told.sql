-- +goose Up
CREATE SCHEMA IF NOT EXISTS inventory;

CREATE TABLE inventory.told (
    cause_id   uuid        PRIMARY KEY,
    sku_id     uuid        NOT NULL,
    location   text,
    counted_at timestamptz NOT NULL,
    revision   bigint      NOT NULL,
    quantity   bigint      NOT NULL
);
COMMENT ON TABLE inventory.told IS 'Receipts, counts and reports of stock that were taken: told again, they are known. With a location: a count, of which the latest by its own clock stands.';
CREATE INDEX told_counts ON inventory.told (sku_id, location, counted_at DESC, revision DESC, quantity DESC) WHERE location IS NOT NULL;
