-- +goose Up
CREATE TABLE inventory.items (
    ref      text        NOT NULL,
    sku_id   uuid        NOT NULL,
    sku      text        NOT NULL,
    title    text        NOT NULL,
    told_at  timestamptz NOT NULL,
    revision bigint      NOT NULL,
    cause_id uuid        NOT NULL,
    PRIMARY KEY (ref, sku_id)
);
COMMENT ON TABLE inventory.items IS 'Which SKU a provider''s own id of an item stands for, and stood for before: of several for one id the latest by the provider''s clock counts.';
CREATE INDEX items_skus ON inventory.items (sku_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON inventory.items TO orderflow_inventory;
