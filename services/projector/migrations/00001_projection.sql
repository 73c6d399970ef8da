-- +goose Up
-- Three schemas:
--   read                 what people look at: views whose names stay
--   projection           the tables behind them, one set for each generation: orders_g1, orders_g2 …
--   projection_template  the shape of one set, never filled; a generation is made like it
-- A rebuild fills a new generation beside the live one and lets the views look at it in one transaction.
CREATE SCHEMA IF NOT EXISTS read;
CREATE SCHEMA IF NOT EXISTS projection;
CREATE SCHEMA IF NOT EXISTS projection_template;
COMMENT ON SCHEMA read IS 'Orders and everything about them, for analysts and operators. Folded from the events; can be dropped and rebuilt.';
COMMENT ON SCHEMA projection IS 'The tables behind schema read. Look at the views in read instead.';
COMMENT ON SCHEMA projection_template IS 'The shape of the tables in schema projection.';

CREATE TABLE projection.generation (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    generation   int     NOT NULL,
    fold_version int     NOT NULL DEFAULT 0
);
COMMENT ON TABLE  projection.generation IS 'Which set of tables the views look at. Every projector transaction shares this row; a rebuild takes it alone when it swaps.';
COMMENT ON COLUMN projection.generation.one IS 'There is one row.';
COMMENT ON COLUMN projection.generation.generation IS 'The number in the names of the live tables.';
COMMENT ON COLUMN projection.generation.fold_version IS 'The version of the fold with which every entity was looked at.';
INSERT INTO projection.generation (generation) VALUES (1);

CREATE TABLE projection.rebuild (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    done       bigint      NOT NULL,
    total      bigint      NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz
);
COMMENT ON TABLE  projection.rebuild IS 'How far the latest rebuild is.';
COMMENT ON COLUMN projection.rebuild.one IS 'There is one row.';
COMMENT ON COLUMN projection.rebuild.done IS 'Entities folded so far.';
COMMENT ON COLUMN projection.rebuild.total IS 'Entities that there are.';
COMMENT ON COLUMN projection.rebuild.started_at IS 'When it began.';
COMMENT ON COLUMN projection.rebuild.ended_at IS 'When the views looked at the new tables; empty while it runs, or if it was stopped.';

CREATE TABLE projection_template.orders (
    order_id         uuid        PRIMARY KEY,
    order_number     text,
    source           text,
    account          text,
    shop_order_id    text,
    status           text        NOT NULL,
    payment_status   text        NOT NULL,
    currency         text,
    total_minor      bigint      NOT NULL,
    total            numeric,
    subtotal_minor   bigint      NOT NULL,
    subtotal         numeric,
    discount_minor   bigint      NOT NULL,
    discount         numeric,
    shipping_minor   bigint      NOT NULL,
    shipping         numeric,
    tax_minor        bigint      NOT NULL,
    tax              numeric,
    paid_minor       bigint      NOT NULL,
    paid             numeric,
    refunded_minor   bigint      NOT NULL,
    refunded         numeric,
    disputed_minor   bigint      NOT NULL,
    disputed         numeric,
    due_minor        bigint      NOT NULL,
    due              numeric,
    item_count       bigint      NOT NULL,
    customer_email   text,
    customer_name    text,
    shipping_country text,
    placed_at        timestamptz,
    recorded_at      timestamptz,
    released_at      timestamptz,
    shipped_at       timestamptz,
    delivered_at     timestamptz,
    completed_at     timestamptz,
    cancelled_at     timestamptz,
    expired_at       timestamptz,
    is_test          boolean     NOT NULL,
    is_historic      boolean     NOT NULL,
    is_draft         boolean     NOT NULL,
    is_erased        boolean     NOT NULL,
    is_held          boolean     NOT NULL,
    hold_reasons     text[]      NOT NULL,
    waits_for        text[]      NOT NULL,
    risk_score       numeric(4,3),
    last_event_at    timestamptz NOT NULL,
    fold_version     int         NOT NULL,
    events_seen      int         NOT NULL
);
COMMENT ON TABLE  projection_template.orders IS 'One row per order of which anything was heard: what it is, where it stands, what was paid, what it waits for.';
COMMENT ON COLUMN projection_template.orders.order_id IS 'Our id of the order, computed from source, account and shop_order_id.';
COMMENT ON COLUMN projection_template.orders.order_number IS 'The number that people use. Empty until the order itself was told.';
COMMENT ON COLUMN projection_template.orders.source IS 'Where the order was made: shopify, woocommerce, checkout.';
COMMENT ON COLUMN projection_template.orders.account IS 'Which shop of that source.';
COMMENT ON COLUMN projection_template.orders.shop_order_id IS 'The shop''s own, immutable id of the order.';
COMMENT ON COLUMN projection_template.orders.status IS 'One word: unknown (only other news has come), awaiting_payment, held, backordered, processing, released, labelled, shipped, delivered, lost, returned, completed, cancelling, cancelled, expired.';
COMMENT ON COLUMN projection_template.orders.payment_status IS 'unpaid, authorized, partially_paid, paid, overpaid, partially_refunded, refunded, voided, disputed, charged_back.';
COMMENT ON COLUMN projection_template.orders.currency IS 'ISO 4217 code of every amount in this row.';
COMMENT ON COLUMN projection_template.orders.total_minor IS 'What the order costs, in the currency''s smallest unit.';
COMMENT ON COLUMN projection_template.orders.total IS 'total_minor in major units; empty if the currency is not known.';
COMMENT ON COLUMN projection_template.orders.subtotal_minor IS 'The shop''s sum of the lines, in the smallest unit.';
COMMENT ON COLUMN projection_template.orders.subtotal IS 'subtotal_minor in major units.';
COMMENT ON COLUMN projection_template.orders.discount_minor IS 'What the shop took off, in the smallest unit.';
COMMENT ON COLUMN projection_template.orders.discount IS 'discount_minor in major units.';
COMMENT ON COLUMN projection_template.orders.shipping_minor IS 'What the shop charges for shipping, in the smallest unit.';
COMMENT ON COLUMN projection_template.orders.shipping IS 'shipping_minor in major units.';
COMMENT ON COLUMN projection_template.orders.tax_minor IS 'Tax as the shop tells it, in the smallest unit.';
COMMENT ON COLUMN projection_template.orders.tax IS 'tax_minor in major units.';
COMMENT ON COLUMN projection_template.orders.paid_minor IS 'What was captured, refunds not taken off, in the smallest unit. Each payment counts once, whoever told of it.';
COMMENT ON COLUMN projection_template.orders.paid IS 'paid_minor in major units.';
COMMENT ON COLUMN projection_template.orders.refunded_minor IS 'What has gone back, in the smallest unit. Each refund counts once, whoever told of it.';
COMMENT ON COLUMN projection_template.orders.refunded IS 'refunded_minor in major units.';
COMMENT ON COLUMN projection_template.orders.disputed_minor IS 'What a bank holds in open disputes or took in lost ones, in the smallest unit.';
COMMENT ON COLUMN projection_template.orders.disputed IS 'disputed_minor in major units.';
COMMENT ON COLUMN projection_template.orders.due_minor IS 'What is still to be paid, in the smallest unit; negative if more was paid; 0 once the order is cancelled, expired or historic.';
COMMENT ON COLUMN projection_template.orders.due IS 'due_minor in major units.';
COMMENT ON COLUMN projection_template.orders.item_count IS 'Pieces ordered, over all lines.';
COMMENT ON COLUMN projection_template.orders.customer_email IS 'Where the customer is written to; ''erased'' after the personal data was erased.';
COMMENT ON COLUMN projection_template.orders.customer_name IS 'The customer''s name, or that of the shipping address; ''erased'' after the personal data was erased.';
COMMENT ON COLUMN projection_template.orders.shipping_country IS 'ISO 3166-1 code of the country that it is sent to.';
COMMENT ON COLUMN projection_template.orders.placed_at IS 'When the customer ordered, by the shop''s clock.';
COMMENT ON COLUMN projection_template.orders.recorded_at IS 'When we recorded the order.';
COMMENT ON COLUMN projection_template.orders.released_at IS 'When it was released to be shipped, the latest time if there were several.';
COMMENT ON COLUMN projection_template.orders.shipped_at IS 'The carrier''s first scan of any of its parcels.';
COMMENT ON COLUMN projection_template.orders.delivered_at IS 'When the last of its delivered parcels reached the customer.';
COMMENT ON COLUMN projection_template.orders.completed_at IS 'When the order was completed.';
COMMENT ON COLUMN projection_template.orders.cancelled_at IS 'When the order was cancelled.';
COMMENT ON COLUMN projection_template.orders.expired_at IS 'When the order was closed because nobody paid.';
COMMENT ON COLUMN projection_template.orders.is_test IS 'The shop says that this is test data.';
COMMENT ON COLUMN projection_template.orders.is_historic IS 'Imported from the past: shown, but neither mailed, charged, reserved nor shipped.';
COMMENT ON COLUMN projection_template.orders.is_draft IS 'Told by a payment provider only; the shop''s own description replaces it.';
COMMENT ON COLUMN projection_template.orders.is_erased IS 'The customer''s personal data was erased.';
COMMENT ON COLUMN projection_template.orders.is_held IS 'Some hold stands: see hold_reasons, and read.holds.';
COMMENT ON COLUMN projection_template.orders.hold_reasons IS 'The standing holds as kind:reason.';
COMMENT ON COLUMN projection_template.orders.waits_for IS 'The closed gates that keep the order from being released: placed, running, fraud, payment, stock, hold:<kind>. Empty once it has ended.';
COMMENT ON COLUMN projection_template.orders.risk_score IS 'Risk of fraud, from 0.000 to 1.000. Empty until it was scored.';
COMMENT ON COLUMN projection_template.orders.last_event_at IS 'When we recorded the latest event of the order.';
COMMENT ON COLUMN projection_template.orders.fold_version IS 'Version of the program''s fold that wrote this row.';
COMMENT ON COLUMN projection_template.orders.events_seen IS 'How many events this row is made of.';
CREATE INDEX ON projection_template.orders USING hash (order_number); -- hash: whatever a provider calls a number has no greatest length
CREATE INDEX ON projection_template.orders (recorded_at);
CREATE INDEX ON projection_template.orders (status);
CREATE INDEX ON projection_template.orders USING hash (lower(customer_email));

CREATE TABLE projection_template.order_items (
    order_id         uuid    NOT NULL,
    position         int     NOT NULL,
    line_id          text,
    sku              text,
    title            text,
    quantity         bigint  NOT NULL,
    currency         text,
    unit_price_minor bigint  NOT NULL,
    unit_price       numeric,
    discount_minor   bigint  NOT NULL,
    discount         numeric,
    tax_minor        bigint  NOT NULL,
    tax              numeric,
    fulfilled_by     text    NOT NULL,
    cancelled        bigint  NOT NULL,
    allocated        bigint  NOT NULL,
    backordered      bigint  NOT NULL,
    released         bigint  NOT NULL,
    shipped          bigint  NOT NULL,
    delivered        bigint  NOT NULL,
    returned         bigint  NOT NULL,
    PRIMARY KEY (order_id, position)
);
COMMENT ON TABLE  projection_template.order_items IS 'One row per line of an order: what was ordered and what became of it, counted in pieces.';
COMMENT ON COLUMN projection_template.order_items.order_id IS 'The order.';
COMMENT ON COLUMN projection_template.order_items.position IS 'Place of the line in the order, from 1.';
COMMENT ON COLUMN projection_template.order_items.line_id IS 'The shop''s id of the line.';
COMMENT ON COLUMN projection_template.order_items.sku IS 'Stock keeping unit.';
COMMENT ON COLUMN projection_template.order_items.title IS 'What the shop calls it.';
COMMENT ON COLUMN projection_template.order_items.quantity IS 'Pieces ordered and still wanted.';
COMMENT ON COLUMN projection_template.order_items.currency IS 'ISO 4217 code of the amounts in this row.';
COMMENT ON COLUMN projection_template.order_items.unit_price_minor IS 'Price of one piece before discounts, in the smallest unit.';
COMMENT ON COLUMN projection_template.order_items.unit_price IS 'unit_price_minor in major units.';
COMMENT ON COLUMN projection_template.order_items.discount_minor IS 'Discount on the whole line, in the smallest unit.';
COMMENT ON COLUMN projection_template.order_items.discount IS 'discount_minor in major units.';
COMMENT ON COLUMN projection_template.order_items.tax_minor IS 'Tax on the whole line, in the smallest unit.';
COMMENT ON COLUMN projection_template.order_items.tax IS 'tax_minor in major units.';
COMMENT ON COLUMN projection_template.order_items.fulfilled_by IS 'Who hands it to the customer: us, channel or nobody (digital goods).';
COMMENT ON COLUMN projection_template.order_items.cancelled IS 'Pieces that will not be shipped any more.';
COMMENT ON COLUMN projection_template.order_items.allocated IS 'Pieces reserved for it now.';
COMMENT ON COLUMN projection_template.order_items.backordered IS 'Pieces that wait for stock.';
COMMENT ON COLUMN projection_template.order_items.released IS 'Pieces released to be shipped.';
COMMENT ON COLUMN projection_template.order_items.shipped IS 'Pieces whose parcel a carrier has scanned.';
COMMENT ON COLUMN projection_template.order_items.delivered IS 'Pieces that reached the customer.';
COMMENT ON COLUMN projection_template.order_items.returned IS 'Pieces whose parcel came back.';
CREATE INDEX ON projection_template.order_items USING hash (sku);

CREATE TABLE projection_template.order_timeline (
    order_id    uuid        NOT NULL,
    position    int         NOT NULL,
    category    text        NOT NULL,
    version     int         NOT NULL,
    type        text        NOT NULL,
    summary     text        NOT NULL,
    details     jsonb,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    cause_id    uuid        NOT NULL,
    event_id    uuid        NOT NULL,
    PRIMARY KEY (order_id, position)
);
COMMENT ON TABLE  projection_template.order_timeline IS 'One row per event of an order, in the order in which we recorded them: the readable copy of what happened.';
COMMENT ON COLUMN projection_template.order_timeline.order_id IS 'The order.';
COMMENT ON COLUMN projection_template.order_timeline.position IS 'Place in the order''s history, from 1.';
COMMENT ON COLUMN projection_template.order_timeline.category IS 'Whose event it is: order, payment, fraud, inventory, fulfillment, notification.';
COMMENT ON COLUMN projection_template.order_timeline.version IS 'Place among the order''s events of that category, from 1.';
COMMENT ON COLUMN projection_template.order_timeline.type IS 'What happened: OrderPlaced, PaymentCaptured …';
COMMENT ON COLUMN projection_template.order_timeline.summary IS 'The same in plain words; holds no personal datum.';
COMMENT ON COLUMN projection_template.order_timeline.details IS 'The event as JSON, without its personal part. Empty if this program does not know the type.';
COMMENT ON COLUMN projection_template.order_timeline.occurred_at IS 'When it happened, by the clock of whoever told it.';
COMMENT ON COLUMN projection_template.order_timeline.recorded_at IS 'When we recorded it.';
COMMENT ON COLUMN projection_template.order_timeline.cause_id IS 'The message that led to it: events of one cause belong together.';
COMMENT ON COLUMN projection_template.order_timeline.event_id IS 'Id of the event.';

CREATE TABLE projection_template.payments (
    order_id             uuid        NOT NULL,
    position             int         NOT NULL,
    payment              text,
    names                text[]      NOT NULL,
    provider             text,
    status               text        NOT NULL,
    currency             text,
    authorized_minor     bigint      NOT NULL,
    authorized           numeric,
    captured_minor       bigint      NOT NULL,
    captured             numeric,
    refunded_minor       bigint      NOT NULL,
    refunded             numeric,
    granted_minor        bigint      NOT NULL,
    granted              numeric,
    told_by_provider     boolean     NOT NULL,
    last_reported_at     timestamptz,
    PRIMARY KEY (order_id, position)
);
COMMENT ON TABLE  projection_template.payments IS 'One row per payment of an order, under all the names it goes by, and per currency if it was told in several.';
COMMENT ON COLUMN projection_template.payments.order_id IS 'The order.';
COMMENT ON COLUMN projection_template.payments.position IS 'Place among the order''s payments, from 1; follows the names.';
COMMENT ON COLUMN projection_template.payments.payment IS 'The first of its names.';
COMMENT ON COLUMN projection_template.payments.names IS 'Every name of the payment: intent, charge, the shop''s transaction.';
COMMENT ON COLUMN projection_template.payments.provider IS 'Who moved the money: stripe, shopify_payments, paypal …';
COMMENT ON COLUMN projection_template.payments.status IS 'authorized, captured, partially_refunded, refunded, voided, failed.';
COMMENT ON COLUMN projection_template.payments.currency IS 'ISO 4217 code of the amounts in this row.';
COMMENT ON COLUMN projection_template.payments.authorized_minor IS 'What may be captured, in the smallest unit.';
COMMENT ON COLUMN projection_template.payments.authorized IS 'authorized_minor in major units.';
COMMENT ON COLUMN projection_template.payments.captured_minor IS 'What came, in the smallest unit.';
COMMENT ON COLUMN projection_template.payments.captured IS 'captured_minor in major units.';
COMMENT ON COLUMN projection_template.payments.refunded_minor IS 'What went back of it or is on its way, in the smallest unit.';
COMMENT ON COLUMN projection_template.payments.refunded IS 'refunded_minor in major units.';
COMMENT ON COLUMN projection_template.payments.granted_minor IS 'What we decided to give back of it, in the smallest unit.';
COMMENT ON COLUMN projection_template.payments.granted IS 'granted_minor in major units.';
COMMENT ON COLUMN projection_template.payments.told_by_provider IS 'The payment provider itself told of it, not only the shop.';
COMMENT ON COLUMN projection_template.payments.last_reported_at IS 'The latest report of it, by the provider''s clock.';

CREATE TABLE projection_template.refunds (
    order_id     uuid        NOT NULL,
    position     int         NOT NULL,
    told_by      text        NOT NULL,
    refund       text,
    status       text        NOT NULL,
    names        text[]      NOT NULL,
    provider     text,
    currency     text,
    amount_minor bigint      NOT NULL,
    amount       numeric,
    is_total     boolean     NOT NULL,
    reason       text,
    refunded_at  timestamptz,
    PRIMARY KEY (order_id, position)
);
COMMENT ON TABLE  projection_template.refunds IS 'One row per refund and per witness who told of it, and one per decision of ours. The same money may stand here several times: sums are in read.orders.';
COMMENT ON COLUMN projection_template.refunds.order_id IS 'The order.';
COMMENT ON COLUMN projection_template.refunds.position IS 'Place among the order''s refunds, from 1.';
COMMENT ON COLUMN projection_template.refunds.told_by IS 'provider, shop, or us: our own decision to give money back.';
COMMENT ON COLUMN projection_template.refunds.refund IS 'Id of the refund or of our decision; empty where only a payment''s refunded total was told.';
COMMENT ON COLUMN projection_template.refunds.status IS 'pending, settled, failed; granted while our decision is not settled.';
COMMENT ON COLUMN projection_template.refunds.names IS 'Names of the payment that it is taken from.';
COMMENT ON COLUMN projection_template.refunds.provider IS 'Who moves the money.';
COMMENT ON COLUMN projection_template.refunds.currency IS 'ISO 4217 code of the amount.';
COMMENT ON COLUMN projection_template.refunds.amount_minor IS 'The amount in the smallest unit.';
COMMENT ON COLUMN projection_template.refunds.amount IS 'amount_minor in major units.';
COMMENT ON COLUMN projection_template.refunds.is_total IS 'The amount is the payment''s refunded total so far, not a refund of its own.';
COMMENT ON COLUMN projection_template.refunds.reason IS 'Why, in the words of who told it.';
COMMENT ON COLUMN projection_template.refunds.refunded_at IS 'When, by the clock of who told it; for our decisions, when we decided.';

CREATE TABLE projection_template.shipments (
    order_id        uuid        NOT NULL,
    position        int         NOT NULL,
    shipment_id     text        NOT NULL,
    status          text        NOT NULL,
    carrier         text,
    tracking_number text,
    attempts        int         NOT NULL,
    failed_attempts int         NOT NULL,
    failure_code    text,
    void_reason     text,
    started_at      timestamptz,
    labelled_at     timestamptz,
    shipped_at      timestamptz,
    delivered_at    timestamptz,
    lost_at         timestamptz,
    returned_at     timestamptz,
    PRIMARY KEY (order_id, position)
);
COMMENT ON TABLE  projection_template.shipments IS 'One row per parcel that we asked a label for, and per parcel that a shop or channel says it ships by itself.';
COMMENT ON COLUMN projection_template.shipments.order_id IS 'The order.';
COMMENT ON COLUMN projection_template.shipments.position IS 'Place among the order''s parcels, from 1.';
COMMENT ON COLUMN projection_template.shipments.shipment_id IS 'Our reference at the carrier; of a parcel of somebody else, their id of the shipment.';
COMMENT ON COLUMN projection_template.shipments.status IS 'buying (a label is being bought), retrying, failed (given up), labelled, voided, shipped, delivered, lost, returned; of a parcel of somebody else also reported, withdrawn.';
COMMENT ON COLUMN projection_template.shipments.carrier IS 'Who carries it.';
COMMENT ON COLUMN projection_template.shipments.tracking_number IS 'The carrier''s number of the parcel; empty before it has a label.';
COMMENT ON COLUMN projection_template.shipments.attempts IS 'How often a label was asked for.';
COMMENT ON COLUMN projection_template.shipments.failed_attempts IS 'How often that came to nothing.';
COMMENT ON COLUMN projection_template.shipments.failure_code IS 'Why the latest failed attempt failed.';
COMMENT ON COLUMN projection_template.shipments.void_reason IS 'Why the label was voided.';
COMMENT ON COLUMN projection_template.shipments.started_at IS 'When a label was first asked for.';
COMMENT ON COLUMN projection_template.shipments.labelled_at IS 'When the label was bought.';
COMMENT ON COLUMN projection_template.shipments.shipped_at IS 'The carrier''s first scan.';
COMMENT ON COLUMN projection_template.shipments.delivered_at IS 'When it reached the customer.';
COMMENT ON COLUMN projection_template.shipments.lost_at IS 'When the carrier gave it up.';
COMMENT ON COLUMN projection_template.shipments.returned_at IS 'When it was on its way back.';
CREATE INDEX ON projection_template.shipments USING hash (tracking_number);

CREATE TABLE projection_template.shipment_scans (
    order_id        uuid        NOT NULL,
    position        int         NOT NULL,
    tracking_number text,
    carrier         text,
    scan_id         text,
    shipment_id     text,
    step            text        NOT NULL,
    code            text,
    location        text,
    scanned_at      timestamptz,
    PRIMARY KEY (order_id, position)
);
COMMENT ON TABLE  projection_template.shipment_scans IS 'One row per scan that a carrier told of, in the order of its clock, parcel by parcel.';
COMMENT ON COLUMN projection_template.shipment_scans.order_id IS 'The order.';
COMMENT ON COLUMN projection_template.shipment_scans.position IS 'Place among the order''s scans, from 1.';
COMMENT ON COLUMN projection_template.shipment_scans.tracking_number IS 'The carrier''s number of the parcel.';
COMMENT ON COLUMN projection_template.shipment_scans.carrier IS 'Who scanned it.';
COMMENT ON COLUMN projection_template.shipment_scans.scan_id IS 'The carrier''s id of the scan.';
COMMENT ON COLUMN projection_template.shipment_scans.shipment_id IS 'The shipment with that number; empty if none is known.';
COMMENT ON COLUMN projection_template.shipment_scans.step IS 'What it means: in_transit, out_for_delivery, delivered, exception, lost, returned.';
COMMENT ON COLUMN projection_template.shipment_scans.code IS 'The carrier''s own code.';
COMMENT ON COLUMN projection_template.shipment_scans.location IS 'Where, in the carrier''s words.';
COMMENT ON COLUMN projection_template.shipment_scans.scanned_at IS 'When, by the carrier''s clock.';

CREATE TABLE projection_template.fraud_scores (
    order_id       uuid          NOT NULL,
    position       int           NOT NULL,
    score          numeric(4,3)  NOT NULL,
    verdict        text          NOT NULL,
    velocity       numeric(4,3),
    geography      numeric(4,3),
    payment        numeric(4,3),
    behaviour      numeric(4,3),
    reasons        text[]        NOT NULL,
    review_verdict text,
    reviewed_by    text,
    scored_at      timestamptz   NOT NULL,
    PRIMARY KEY (order_id, position)
);
COMMENT ON TABLE  projection_template.fraud_scores IS 'One row per scored order: its latest score, what it is made of, and a person''s review if there was one.';
COMMENT ON COLUMN projection_template.fraud_scores.order_id IS 'The order.';
COMMENT ON COLUMN projection_template.fraud_scores.position IS 'Always 1.';
COMMENT ON COLUMN projection_template.fraud_scores.score IS 'Risk from 0.000 to 1.000.';
COMMENT ON COLUMN projection_template.fraud_scores.verdict IS 'What the score means: clear, review, reject.';
COMMENT ON COLUMN projection_template.fraud_scores.velocity IS 'The part that looks at how often the customer orders.';
COMMENT ON COLUMN projection_template.fraud_scores.geography IS 'The part that looks at countries.';
COMMENT ON COLUMN projection_template.fraud_scores.payment IS 'The part that looks at the payment.';
COMMENT ON COLUMN projection_template.fraud_scores.behaviour IS 'The part that looks at the order itself.';
COMMENT ON COLUMN projection_template.fraud_scores.reasons IS 'The rules that counted.';
COMMENT ON COLUMN projection_template.fraud_scores.review_verdict IS 'A person''s verdict, which outweighs the score''s.';
COMMENT ON COLUMN projection_template.fraud_scores.reviewed_by IS 'Who reviewed it.';
COMMENT ON COLUMN projection_template.fraud_scores.scored_at IS 'When we recorded the score.';

CREATE TABLE projection_template.notifications (
    order_id uuid        NOT NULL,
    position int         NOT NULL,
    kind     text        NOT NULL,
    subject  text,
    outcome  text        NOT NULL,
    reason   text,
    told_at  timestamptz NOT NULL,
    PRIMARY KEY (order_id, position)
);
COMMENT ON TABLE  projection_template.notifications IS 'One row per message to the customer: sent, failed for good, or not sent on purpose.';
COMMENT ON COLUMN projection_template.notifications.order_id IS 'The order.';
COMMENT ON COLUMN projection_template.notifications.position IS 'Place among the order''s messages, from 1.';
COMMENT ON COLUMN projection_template.notifications.kind IS 'What it tells: confirmed, shipped, delivered, held, refunded, cancelled.';
COMMENT ON COLUMN projection_template.notifications.subject IS 'What it is about, where there can be several of a kind: a shipment, a refund.';
COMMENT ON COLUMN projection_template.notifications.outcome IS 'sent, failed, suppressed.';
COMMENT ON COLUMN projection_template.notifications.reason IS 'Why it was not sent.';
COMMENT ON COLUMN projection_template.notifications.told_at IS 'When we recorded it.';

CREATE TABLE projection_template.holds (
    order_id    uuid        NOT NULL,
    position    int         NOT NULL,
    kind        text        NOT NULL,
    reason      text,
    detail      text,
    is_open     boolean     NOT NULL,
    placed_at   timestamptz NOT NULL,
    deadline    timestamptz,
    released_at timestamptz,
    released_by text,
    PRIMARY KEY (order_id, position)
);
COMMENT ON TABLE  projection_template.holds IS 'One row per hold that was ever placed on an order, the released ones too.';
COMMENT ON COLUMN projection_template.holds.order_id IS 'The order.';
COMMENT ON COLUMN projection_template.holds.position IS 'Place among the order''s holds, from 1.';
COMMENT ON COLUMN projection_template.holds.kind IS 'Whose question it is: fraud, payment, stock, address, operator, edit.';
COMMENT ON COLUMN projection_template.holds.reason IS 'Why, in one word.';
COMMENT ON COLUMN projection_template.holds.detail IS 'Why, in a sentence; holds no personal datum.';
COMMENT ON COLUMN projection_template.holds.is_open IS 'It still keeps the order from being released.';
COMMENT ON COLUMN projection_template.holds.placed_at IS 'When we placed it.';
COMMENT ON COLUMN projection_template.holds.deadline IS 'Until when somebody has to answer.';
COMMENT ON COLUMN projection_template.holds.released_at IS 'When it was taken away.';
COMMENT ON COLUMN projection_template.holds.released_by IS 'Who took it away: rule (its cause was gone), or an operator.';
CREATE INDEX ON projection_template.holds (kind) WHERE is_open;

CREATE TABLE projection_template.skus (
    sku_id       uuid   PRIMARY KEY,
    sku          text,
    on_hand      bigint NOT NULL,
    reserved     bigint NOT NULL,
    available    bigint NOT NULL,
    oversold     bigint NOT NULL,
    fold_version int    NOT NULL,
    events_seen  int    NOT NULL
);
COMMENT ON TABLE  projection_template.skus IS 'One row per stock keeping unit, over all locations.';
COMMENT ON COLUMN projection_template.skus.sku_id IS 'Our id of the SKU.';
COMMENT ON COLUMN projection_template.skus.sku IS 'Stock keeping unit.';
COMMENT ON COLUMN projection_template.skus.on_hand IS 'Pieces in all locations.';
COMMENT ON COLUMN projection_template.skus.reserved IS 'Pieces reserved for orders.';
COMMENT ON COLUMN projection_template.skus.available IS 'Pieces that can still be sold.';
COMMENT ON COLUMN projection_template.skus.oversold IS 'Pieces reserved beyond what is on hand, location by location.';
COMMENT ON COLUMN projection_template.skus.fold_version IS 'Version of the program''s fold that wrote this row.';
COMMENT ON COLUMN projection_template.skus.events_seen IS 'Version of the SKU''s stream that this row shows.';
CREATE INDEX ON projection_template.skus USING hash (sku);

CREATE TABLE projection_template.stock_levels (
    sku_id    uuid   NOT NULL,
    position  int    NOT NULL,
    sku       text,
    location  text   NOT NULL,
    on_hand   bigint NOT NULL,
    reserved  bigint NOT NULL,
    available bigint NOT NULL,
    oversold  bigint NOT NULL,
    PRIMARY KEY (sku_id, position)
);
COMMENT ON TABLE  projection_template.stock_levels IS 'One row per SKU and location: what is there, what is reserved, what can be sold.';
COMMENT ON COLUMN projection_template.stock_levels.sku_id IS 'Our id of the SKU.';
COMMENT ON COLUMN projection_template.stock_levels.position IS 'Place among the SKU''s locations, from 1.';
COMMENT ON COLUMN projection_template.stock_levels.sku IS 'Stock keeping unit.';
COMMENT ON COLUMN projection_template.stock_levels.location IS 'Where the pieces are.';
COMMENT ON COLUMN projection_template.stock_levels.on_hand IS 'Pieces there.';
COMMENT ON COLUMN projection_template.stock_levels.reserved IS 'Pieces reserved for orders.';
COMMENT ON COLUMN projection_template.stock_levels.available IS 'Pieces that can still be sold: on_hand less reserved, never below 0.';
COMMENT ON COLUMN projection_template.stock_levels.oversold IS 'Pieces reserved beyond what is on hand.';
CREATE INDEX ON projection_template.stock_levels USING hash (sku);

-- +goose StatementBegin
-- The analyst reads the views and nothing else. Where roles may not be created (some managed databases), whoever runs
-- the database makes the role, and the grants are given when the views are pointed the next time.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'analyst') THEN
        CREATE ROLE analyst NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL; -- another database of this server was faster
    WHEN insufficient_privilege THEN RAISE NOTICE 'role analyst cannot be created here: create it yourself, then rebuild';
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION projection.make(generation int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    shape record;
BEGIN
    FOR shape IN
        SELECT c.relname, obj_description(c.oid, 'pg_class') AS about
        FROM pg_class c WHERE c.relnamespace = 'projection_template'::regnamespace AND c.relkind = 'r' ORDER BY c.relname
    LOOP
        EXECUTE format('CREATE TABLE projection.%I (LIKE projection_template.%I INCLUDING ALL)', shape.relname || '_g' || generation, shape.relname);
        EXECUTE format('COMMENT ON TABLE projection.%I IS %L', shape.relname || '_g' || generation, shape.about);
    END LOOP;
END $$;
-- +goose StatementEnd
COMMENT ON FUNCTION projection.make(int) IS 'Makes the empty tables of a generation.';

-- +goose StatementBegin
CREATE FUNCTION projection.show(generation int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    shape record;
    col   record;
BEGIN
    -- All views at once and the one that is read most first: whoever reads several of them and has begun is met for a
    -- moment only.
    FOR shape IN
        SELECT c.relname, (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
        FROM pg_class c WHERE c.relnamespace = 'projection_template'::regnamespace AND c.relkind = 'r'
        ORDER BY c.relname <> 'orders', c.relname
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW read.%I AS SELECT %s FROM projection.%I', shape.relname, shape.columns, shape.relname || '_g' || generation);
    END LOOP;
    FOR col IN -- what does not say yet what it is
        SELECT c.relname, a.attname, CASE WHEN a.attname IS NULL THEN obj_description(c.oid, 'pg_class') ELSE col_description(c.oid, a.attnum) END AS about
        FROM pg_class c
        JOIN pg_class v ON v.relnamespace = 'read'::regnamespace AND v.relname = c.relname
        JOIN LATERAL (
            SELECT NULL::name AS attname, 0 AS attnum, 0 AS shown
            UNION ALL
            SELECT t.attname, t.attnum, s.attnum FROM pg_attribute t JOIN pg_attribute s ON s.attrelid = v.oid AND s.attname = t.attname
             WHERE t.attrelid = c.oid AND t.attnum > 0 AND NOT t.attisdropped
        ) a ON true
        WHERE c.relnamespace = 'projection_template'::regnamespace AND c.relkind = 'r'
          AND CASE WHEN a.attname IS NULL THEN obj_description(c.oid, 'pg_class') IS DISTINCT FROM obj_description(v.oid, 'pg_class')
                   ELSE col_description(c.oid, a.attnum) IS DISTINCT FROM col_description(v.oid, a.shown) END
    LOOP
        IF col.attname IS NULL THEN
            EXECUTE format('COMMENT ON VIEW read.%I IS %L', col.relname, col.about);
        ELSE
            EXECUTE format('COMMENT ON COLUMN read.%I.%I IS %L', col.relname, col.attname, col.about);
        END IF;
    END LOOP;
    PERFORM projection.grant_analyst();
END $$;
-- +goose StatementEnd
COMMENT ON FUNCTION projection.show(int) IS 'Lets the views in schema read look at the tables of a generation.';

-- +goose StatementBegin
CREATE FUNCTION projection.grant_analyst() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    shown record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'analyst') THEN
        RETURN;
    END IF;
    IF NOT has_schema_privilege('analyst', 'read', 'USAGE') THEN
        GRANT USAGE ON SCHEMA read TO analyst;
    END IF;
    FOR shown IN SELECT c.oid::regclass AS name FROM pg_class c
        WHERE c.relnamespace = 'read'::regnamespace AND c.relkind = 'v' AND NOT has_table_privilege('analyst', c.oid, 'SELECT')
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO analyst', shown.name);
    END LOOP;
END $$;
-- +goose StatementEnd
COMMENT ON FUNCTION projection.grant_analyst() IS 'Lets the role analyst read every view in schema read.';

SELECT projection.make(1);
SELECT projection.show(1);
