-- +goose Up
-- Who read a delivery, and what came of it: so that it can be told what another build should try again, and whether it
-- reads anything else.
ALTER TABLE journal.deliveries ADD COLUMN reader text NOT NULL DEFAULT '', ADD COLUMN reading_sha256 bytea NOT NULL DEFAULT '';
COMMENT ON COLUMN journal.deliveries.reader IS 'The build that read it; empty where that was not told.';
COMMENT ON COLUMN journal.deliveries.reading_sha256 IS 'Hash of the facts and of the reason of the quarantine; empty where it was not kept.';
CREATE INDEX ON journal.deliveries (received_at, id) WHERE outcome = 'quarantined';

CREATE TABLE journal.rereadings (
    reader   text        NOT NULL PRIMARY KEY,
    began_at timestamptz NOT NULL,
    after_at timestamptz NOT NULL,
    after_id uuid        NOT NULL,
    looked   bigint      NOT NULL,
    changed  bigint      NOT NULL,
    ended_at timestamptz
);
COMMENT ON TABLE  journal.rereadings IS 'One row per build that read again what older ones had put into quarantine.';
COMMENT ON COLUMN journal.rereadings.reader IS 'The build.';
COMMENT ON COLUMN journal.rereadings.began_at IS 'When it began: what came later it had read itself.';
COMMENT ON COLUMN journal.rereadings.after_at IS 'When the delivery came that it has got to.';
COMMENT ON COLUMN journal.rereadings.after_id IS 'The delivery that it has got to.';
COMMENT ON COLUMN journal.rereadings.looked IS 'How many deliveries it looked at.';
COMMENT ON COLUMN journal.rereadings.changed IS 'How many of them it read otherwise, and published again.';
COMMENT ON COLUMN journal.rereadings.ended_at IS 'When it had looked at all of them.';
GRANT SELECT, INSERT, UPDATE ON journal.rereadings TO orderflow_projector;

CREATE OR REPLACE VIEW read.webhook_events AS
SELECT id, source, account, topic AS event_type, provider_delivery_id AS provider_event_id, received_at, outcome,
       quarantine_reason AS reason, quarantine_detail AS detail, test AS is_test, revision,
       (source, account, topic, provider_delivery_id) IN (SELECT c.source, c.account, c.topic, c.provider_delivery_id FROM journal.conflicts c) AS has_conflict,
       fact_count, order_ids, reader
FROM journal.deliveries;
COMMENT ON COLUMN read.webhook_events.reader IS 'The build that read it; empty where that was not told.';
SELECT projection.grant_analyst();
