-- A login for each service, in the role that the migrations made for it and in no other. Run by the owner of the
-- database after `orderctl migrate`, as often as one likes; it also changes passwords that were changed in deploy/.env.
\set ON_ERROR_STOP on
-- An error does not show the line that it is in: passwords stand there.
\set VERBOSITY terse
\getenv orders DATABASE_PASSWORD_ORDERS
\getenv payment DATABASE_PASSWORD_PAYMENT
\getenv fraud DATABASE_PASSWORD_FRAUD
\getenv inventory DATABASE_PASSWORD_INVENTORY
\getenv fulfillment DATABASE_PASSWORD_FULFILLMENT
\getenv notifier DATABASE_PASSWORD_NOTIFIER
\getenv projector DATABASE_PASSWORD_PROJECTOR
\getenv operators DATABASE_PASSWORD_OPERATORS

BEGIN;
SET LOCAL log_statement = 'none'; -- passwords
CREATE TEMPORARY TABLE logins (name text PRIMARY KEY, password text NOT NULL CHECK (password <> '')) ON COMMIT DROP;
INSERT INTO logins VALUES
    ('orders', :'orders'), ('payment', :'payment'), ('fraud', :'fraud'), ('inventory', :'inventory'),
    ('fulfillment', :'fulfillment'), ('notifier', :'notifier'), ('projector', :'projector'),
    ('operators', :'operators');

SELECT format('CREATE ROLE %I LOGIN', name) FROM logins WHERE to_regrole(quote_ident(name)) IS NULL \gexec
SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', name, password) FROM logins \gexec
SELECT format('GRANT %I TO %I', 'orderflow_' || name, name) FROM logins
    WHERE NOT pg_has_role(name, 'orderflow_' || name, 'MEMBER') \gexec
COMMIT;
