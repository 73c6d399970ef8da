-- +goose Up
ALTER TABLE inventory.told ADD COLUMN report_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
COMMENT ON COLUMN inventory.told.report_id IS 'What told it, the same for every reading of the same delivery: of several readings that of the highest revision counts. Zeros where nobody knows, or for a command.';
CREATE INDEX told_readings ON inventory.told (report_id, revision) WHERE revision > 0 AND report_id <> '00000000-0000-0000-0000-000000000000';
ALTER TABLE inventory.items ADD COLUMN report_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
COMMENT ON COLUMN inventory.items.report_id IS 'What told it, the same for every reading of the same delivery; zeros where nobody knows.';
