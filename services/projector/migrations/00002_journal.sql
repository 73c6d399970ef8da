-- +goose Up
-- The journal is no projection: it is what came, kept as it came, and cannot be folded from anything else.
CREATE SCHEMA IF NOT EXISTS journal;
COMMENT ON SCHEMA journal IS 'Every delivery of a provider, insert only, a partition for each day.';

CREATE TABLE journal.deliveries (
    id                   uuid        NOT NULL,
    revision             bigint      NOT NULL,
    source               text        NOT NULL,
    account              text        NOT NULL,
    topic                text        NOT NULL,
    provider_delivery_id text        NOT NULL,
    received_at          timestamptz NOT NULL,
    test                 boolean     NOT NULL,
    outcome              text        NOT NULL,
    quarantine_reason    text,
    quarantine_detail    text,
    fact_count           int         NOT NULL,
    order_ids            uuid[]      NOT NULL,
    headers              jsonb       NOT NULL,
    body_nonce           bytea       NOT NULL,
    body_sealed          bytea       NOT NULL,
    body_sha256          bytea       NOT NULL,
    conflicting          boolean     NOT NULL,
    PRIMARY KEY (id, revision, received_at)
) PARTITION BY RANGE (received_at);
COMMENT ON TABLE  journal.deliveries IS 'One row per delivery and reading of it: what a provider sent, what we made of it, and its body, sealed.';
COMMENT ON COLUMN journal.deliveries.id IS 'Our id of the delivery: the same request told again has the same.';
COMMENT ON COLUMN journal.deliveries.revision IS 'Raised when a newer program reads the same delivery again.';
COMMENT ON COLUMN journal.deliveries.source IS 'Who sent it: stripe, shopify, woocommerce, checkout …';
COMMENT ON COLUMN journal.deliveries.account IS 'Which account of that source.';
COMMENT ON COLUMN journal.deliveries.topic IS 'What the provider calls it: payment_intent.succeeded, orders/create …';
COMMENT ON COLUMN journal.deliveries.provider_delivery_id IS 'The provider''s own id of the delivery or event.';
COMMENT ON COLUMN journal.deliveries.received_at IS 'When we received it.';
COMMENT ON COLUMN journal.deliveries.test IS 'The provider says that it is test data.';
COMMENT ON COLUMN journal.deliveries.outcome IS 'accepted, nothing_for_us (signed and understood, but it says nothing that we keep), quarantined.';
COMMENT ON COLUMN journal.deliveries.quarantine_reason IS 'Why it could not be used, in one word.';
COMMENT ON COLUMN journal.deliveries.quarantine_detail IS 'Why, in a sentence; holds no personal datum.';
COMMENT ON COLUMN journal.deliveries.fact_count IS 'How many facts were read out of it.';
COMMENT ON COLUMN journal.deliveries.order_ids IS 'The orders that it names itself.';
COMMENT ON COLUMN journal.deliveries.headers IS 'Chosen headers, never the signature.';
COMMENT ON COLUMN journal.deliveries.body_nonce IS 'Nonce of the seal.';
COMMENT ON COLUMN journal.deliveries.body_sealed IS 'The body, encrypted under a key of its own that is kept under the delivery''s id; erasing the key erases the body.';
COMMENT ON COLUMN journal.deliveries.body_sha256 IS 'Hash of the body.';
COMMENT ON COLUMN journal.deliveries.conflicting IS 'Another body had come under the same id of the provider before.';
CREATE INDEX ON journal.deliveries (source, account, topic, provider_delivery_id);
CREATE INDEX ON journal.deliveries USING gin (order_ids);
CREATE INDEX ON journal.deliveries (received_at);

CREATE TABLE journal.conflicts (
    source               text NOT NULL,
    account              text NOT NULL,
    topic                text NOT NULL,
    provider_delivery_id text NOT NULL,
    PRIMARY KEY (source, account, topic, provider_delivery_id)
);
COMMENT ON TABLE  journal.conflicts IS 'Ids of providers under which different bodies came.';
COMMENT ON COLUMN journal.conflicts.source IS 'Who sent them.';
COMMENT ON COLUMN journal.conflicts.account IS 'Which account of that source.';
COMMENT ON COLUMN journal.conflicts.topic IS 'What the provider calls it.';
COMMENT ON COLUMN journal.conflicts.provider_delivery_id IS 'The id that came with different bodies.';

-- +goose StatementBegin
CREATE FUNCTION journal.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is insert only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
-- +goose StatementEnd
COMMENT ON FUNCTION journal.refuse_change() IS 'Refuses to change what came.';
CREATE TRIGGER deliveries_insert_only BEFORE UPDATE OR DELETE ON journal.deliveries FOR EACH ROW EXECUTE FUNCTION journal.refuse_change();
CREATE TRIGGER deliveries_not_emptied BEFORE TRUNCATE ON journal.deliveries FOR EACH STATEMENT EXECUTE FUNCTION journal.refuse_change();
CREATE TRIGGER conflicts_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal.conflicts FOR EACH STATEMENT EXECUTE FUNCTION journal.refuse_change();

-- +goose StatementBegin
-- Attaching a table that was made beside takes a lighter lock than making it as a partition: readers go on.
CREATE FUNCTION journal.make_day(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part text := 'deliveries_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF to_regclass('journal.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(7013002);
    IF to_regclass('journal.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE journal.%I (LIKE journal.deliveries INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS)', part);
    EXECUTE format('COMMENT ON TABLE journal.%I IS %L', part, 'The deliveries of ' || day || ' (UTC).');
    EXECUTE format('CREATE TRIGGER not_emptied BEFORE TRUNCATE ON journal.%I FOR EACH STATEMENT EXECUTE FUNCTION journal.refuse_change()', part);
    EXECUTE format('ALTER TABLE journal.deliveries ATTACH PARTITION journal.%I FOR VALUES FROM (%L) TO (%L)',
        part, day || ' 00:00:00+00', (day + 1) || ' 00:00:00+00');
END $$;
-- +goose StatementEnd
COMMENT ON FUNCTION journal.make_day(date) IS 'Makes the partition of a day (UTC), if it is missing.';

-- +goose StatementBegin
-- The keys of the bodies go with them, so that nothing is left that could open a copy.
CREATE FUNCTION journal.drop_before(day date) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    part    record;
    dropped int := 0;
BEGIN
    FOR part IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'journal.deliveries'::regclass AND c.relname ~ '^deliveries_[0-9]{8}$'
           AND to_date(right(c.relname, 8), 'YYYYMMDD') < day
         ORDER BY c.relname
    LOOP
        EXECUTE format('DELETE FROM orderflow.keys k USING journal.%I p WHERE k.entity_id = p.id
            AND NOT EXISTS (SELECT 1 FROM journal.deliveries d WHERE d.id = p.id AND d.received_at >= %L)', part.relname, day || ' 00:00:00+00');
        EXECUTE format('DROP TABLE journal.%I', part.relname);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
-- +goose StatementEnd
COMMENT ON FUNCTION journal.drop_before(date) IS 'Drops the partitions of days before this one, with the keys of their bodies.';

CREATE VIEW read.webhook_events AS
SELECT id, source, account, topic AS event_type, provider_delivery_id AS provider_event_id, received_at, outcome,
       quarantine_reason AS reason, quarantine_detail AS detail, test AS is_test, revision,
       (source, account, topic, provider_delivery_id) IN (SELECT c.source, c.account, c.topic, c.provider_delivery_id FROM journal.conflicts c) AS has_conflict,
       fact_count, order_ids
FROM journal.deliveries;
COMMENT ON VIEW   read.webhook_events IS 'One row per webhook that was received with a valid signature, and what became of it.';
COMMENT ON COLUMN read.webhook_events.id IS 'Our id of the delivery: the same request told again has the same.';
COMMENT ON COLUMN read.webhook_events.source IS 'Who sent it: stripe, shopify, woocommerce, checkout …';
COMMENT ON COLUMN read.webhook_events.account IS 'Which account of that source.';
COMMENT ON COLUMN read.webhook_events.event_type IS 'What the provider calls it: payment_intent.succeeded, orders/create …';
COMMENT ON COLUMN read.webhook_events.provider_event_id IS 'The provider''s own id of the delivery or event.';
COMMENT ON COLUMN read.webhook_events.received_at IS 'When we received it.';
COMMENT ON COLUMN read.webhook_events.outcome IS 'accepted, nothing_for_us (signed and understood, but it says nothing that we keep), quarantined.';
COMMENT ON COLUMN read.webhook_events.reason IS 'Why it was quarantined, in one word.';
COMMENT ON COLUMN read.webhook_events.detail IS 'Why it was quarantined, in a sentence.';
COMMENT ON COLUMN read.webhook_events.is_test IS 'The provider says that it is test data.';
COMMENT ON COLUMN read.webhook_events.revision IS 'Raised when a newer program reads the same delivery again.';
COMMENT ON COLUMN read.webhook_events.has_conflict IS 'Different bodies came under the provider''s id of this one.';
COMMENT ON COLUMN read.webhook_events.fact_count IS 'How many facts were read out of it.';
COMMENT ON COLUMN read.webhook_events.order_ids IS 'The orders that it names itself; to be joined with read.orders.';
SELECT projection.grant_analyst();
