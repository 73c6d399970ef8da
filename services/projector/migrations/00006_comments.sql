-- What some comments left out. Comments lock no reader out, so the views are not pointed anew.

-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE
    said record;
    one  regclass;
BEGIN
    FOR said IN SELECT * FROM (VALUES
        ('orders', 'source', 'Where the order was made: shopify, woocommerce, checkout, b2b, amazon.'),
        ('orders', 'waits_for', 'The closed gates that keep the order from being released: placed, running, fraud, payment, stock, hold:<kind>. Empty once it has ended. What a parcel waits for after that is told by orderctl order why.'),
        ('order_items', 'discount_minor', 'Discount on the whole line, in the smallest unit; 0 where none was told.'),
        ('order_items', 'tax_minor', 'Tax on the whole line, in the smallest unit; 0 where none was told.'),
        ('stock_levels', 'oversold', 'Pieces reserved beyond what is on hand: to be worked off before any can be sold.')
    ) AS t (name, col, about)
    LOOP
        FOR one IN
            SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname IN ('projection_template', 'read') AND c.relname = said.name
               OR n.nspname = 'projection' AND c.relkind = 'r' AND c.relname ~ ('^' || said.name || '_g\d+$')
        LOOP
            EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', one, said.col, said.about);
        END LOOP;
    END LOOP;
END $$;
-- +goose StatementEnd

COMMENT ON VIEW read.webhook_events IS 'One row per reading of a webhook that was received with a valid signature, and what became of it. One that was read again has a row for each reading: the last has the highest revision.';
COMMENT ON COLUMN read.webhook_events.id IS 'Our id of the delivery: the same request told again, and the same delivery read again, have the same.';
COMMENT ON COLUMN read.webhook_events.source IS 'Who sent it: stripe, shopify, checkout, easypost …, as in the path of the webhook.';
