-- +goose Up
GRANT USAGE ON SCHEMA fraud TO orderflow_fraud;
GRANT SELECT, INSERT, UPDATE, DELETE ON fraud.sightings TO orderflow_fraud;
