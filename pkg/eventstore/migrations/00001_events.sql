-- +goose Up
CREATE SCHEMA IF NOT EXISTS orderflow;

CREATE TABLE orderflow.events (
    entity_id   uuid        NOT NULL,
    category    text        NOT NULL,
    version     int         NOT NULL CHECK (version > 0),
    event_id    uuid        NOT NULL,
    type        text        NOT NULL,
    data        bytea       NOT NULL,
    cause_id    uuid        NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (entity_id, category, version)
);
COMMENT ON TABLE  orderflow.events IS 'The truth: what happened, appended and never changed. A stream is (category, entity_id); versions count from 1 without a gap.';
COMMENT ON COLUMN orderflow.events.data IS 'The protobuf message named by type. People read read.order_timeline.';
COMMENT ON COLUMN orderflow.events.cause_id IS 'The message that led to this event.';
COMMENT ON COLUMN orderflow.events.occurred_at IS 'The clock of whoever told it.';
COMMENT ON COLUMN orderflow.events.recorded_at IS 'Our clock.';
CREATE INDEX events_recorded ON orderflow.events USING brin (recorded_at) WITH (pages_per_range = 16);

-- +goose StatementBegin
CREATE FUNCTION orderflow.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
-- +goose StatementEnd
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON orderflow.events
    FOR EACH STATEMENT EXECUTE FUNCTION orderflow.refuse_change();

CREATE TABLE orderflow.outbox (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    data       bytea       NOT NULL
);
COMMENT ON TABLE orderflow.outbox IS 'What a transaction appended and nobody has been told of yet.';

CREATE TABLE orderflow.snapshots (
    entity_id uuid  NOT NULL,
    category  text  NOT NULL,
    version   int   NOT NULL,
    data      bytea NOT NULL,
    PRIMARY KEY (entity_id, category)
);
COMMENT ON TABLE orderflow.snapshots IS 'The state of streams that have no end (stock), written with their events.';

CREATE TABLE orderflow.timers (
    service    text        NOT NULL,
    id         uuid        NOT NULL,
    entity_id  uuid,
    kind       text        NOT NULL,
    due_at     timestamptz,
    attempt    int         NOT NULL DEFAULT 0,
    payload    bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (service, id)
);
COMMENT ON TABLE orderflow.timers IS 'What a service looks at again later. Without due_at it is parked: it waits for a reference.';
CREATE INDEX timers_due ON orderflow.timers (service, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE orderflow.refs (
    ref       text PRIMARY KEY,
    entity_id uuid
);
COMMENT ON TABLE orderflow.refs IS 'Other names of orders: payment names, order numbers, tracking numbers. Locked by who parks and by who links.';

CREATE TABLE orderflow.parked (
    ref     text NOT NULL,
    service text NOT NULL,
    id      uuid NOT NULL,
    PRIMARY KEY (ref, service, id),
    FOREIGN KEY (service, id) REFERENCES orderflow.timers ON DELETE CASCADE
);
CREATE INDEX parked_timer ON orderflow.parked (service, id);

CREATE TABLE orderflow.keys (
    entity_id  uuid        PRIMARY KEY,
    wrapped    bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    erased_at  timestamptz
);
COMMENT ON TABLE orderflow.keys IS 'The key of each order''s personal data, wrapped by a master key. Erased: the key is gone for good.';

CREATE TABLE orderflow.stuck (
    entity_id uuid        NOT NULL,
    service   text        NOT NULL,
    error     text        NOT NULL,
    since     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (entity_id, service)
);
COMMENT ON TABLE orderflow.stuck IS 'Entities whose fold or decision fails; their neighbours go on.';
