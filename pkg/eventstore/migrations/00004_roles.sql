-- +goose Up
-- What each service may do. A role for each, as which nobody logs in: the host takes it on after it has logged in, and
-- where services have logins of their own, each is made a member of one role (GRANT orderflow_payment TO ...).
-- +goose StatementBegin
DO $$
DECLARE
    service text;
BEGIN
    FOREACH service IN ARRAY ARRAY['orders', 'payment', 'inventory', 'fraud', 'fulfillment', 'notifier', 'projector'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', 'orderflow_' || service);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL; -- another database of this server was faster
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'role orderflow_% is missing and cannot be created here: create it, with NOLOGIN, and migrate again', service
                    USING ERRCODE = 'insufficient_privilege';
        END;
        IF NOT pg_has_role(current_user, 'orderflow_' || service, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', 'orderflow_' || service); -- who owns everything can run everything
        END IF;
    END LOOP;
END $$;
-- +goose StatementEnd

GRANT USAGE ON SCHEMA orderflow TO orderflow_orders, orderflow_payment, orderflow_inventory, orderflow_fraud, orderflow_fulfillment,
    orderflow_notifier, orderflow_projector;
GRANT SELECT ON ALL TABLES IN SCHEMA orderflow TO orderflow_orders, orderflow_payment, orderflow_inventory, orderflow_fraud,
    orderflow_fulfillment, orderflow_notifier, orderflow_projector;
-- The tables in which other migrations are remembered are made later, by whoever runs this.
ALTER DEFAULT PRIVILEGES IN SCHEMA orderflow GRANT SELECT ON TABLES TO orderflow_orders, orderflow_payment, orderflow_inventory,
    orderflow_fraud, orderflow_fulfillment, orderflow_notifier, orderflow_projector;

-- Nobody but the owner may change or delete an event, and the trigger stops the owner too.
GRANT INSERT ON orderflow.events TO orderflow_orders, orderflow_payment, orderflow_inventory, orderflow_fraud, orderflow_fulfillment,
    orderflow_notifier;
ALTER TABLE orderflow.events ENABLE ROW LEVEL SECURITY;
CREATE POLICY read ON orderflow.events FOR SELECT USING (true);
CREATE POLICY orders      ON orderflow.events FOR INSERT TO orderflow_orders      WITH CHECK (category = 'order');
CREATE POLICY payment     ON orderflow.events FOR INSERT TO orderflow_payment     WITH CHECK (category = 'payment');
CREATE POLICY inventory   ON orderflow.events FOR INSERT TO orderflow_inventory   WITH CHECK (category IN ('inventory', 'stock'));
CREATE POLICY fraud       ON orderflow.events FOR INSERT TO orderflow_fraud       WITH CHECK (category = 'fraud');
CREATE POLICY fulfillment ON orderflow.events FOR INSERT TO orderflow_fulfillment WITH CHECK (category = 'fulfillment');
CREATE POLICY notifier    ON orderflow.events FOR INSERT TO orderflow_notifier    WITH CHECK (category = 'notification');

GRANT INSERT, UPDATE ON orderflow.snapshots TO orderflow_inventory;
GRANT INSERT, UPDATE, DELETE ON orderflow.outbox, orderflow.timers, orderflow.parked, orderflow.stuck TO orderflow_orders, orderflow_payment,
    orderflow_inventory, orderflow_fraud, orderflow_fulfillment, orderflow_notifier;
GRANT INSERT, UPDATE ON orderflow.refs, orderflow.sweeps TO orderflow_orders, orderflow_payment, orderflow_inventory, orderflow_fraud,
    orderflow_fulfillment, orderflow_notifier;
-- A key is made with the first personal datum, and never changed by a service: erasing is an operator's.
GRANT INSERT ON orderflow.keys TO orderflow_orders, orderflow_payment, orderflow_inventory, orderflow_fraud, orderflow_fulfillment,
    orderflow_notifier, orderflow_projector;
GRANT INSERT, UPDATE ON orderflow.sweeps TO orderflow_projector;
GRANT INSERT, UPDATE, DELETE ON orderflow.stuck TO orderflow_projector;
