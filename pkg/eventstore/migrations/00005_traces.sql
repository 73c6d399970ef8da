-- +goose Up
-- Nullable and without a default: no row is written anew, and programs of the version before go on appending.
ALTER TABLE orderflow.events ADD COLUMN trace_id bytea;
COMMENT ON COLUMN orderflow.events.trace_id IS 'The trace (16 bytes, W3C Trace Context) of what led to this event: the id of the delivery or the command with which it began. Empty in events of before.';
