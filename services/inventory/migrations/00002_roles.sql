-- +goose Up
GRANT USAGE ON SCHEMA inventory TO orderflow_inventory;
GRANT SELECT, INSERT, UPDATE, DELETE ON inventory.told TO orderflow_inventory;
