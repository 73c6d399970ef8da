-- Who may log in at the service operators, and what its own role may do: read what happened, and keep this table. It
-- appends nothing; what it wants done it asks services for, through the broker.

-- +goose Up
CREATE SCHEMA operators;
CREATE TABLE operators.accounts (
    name        text        PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    password    text        NOT NULL CHECK (password ~ '^\$2[aby]\$(1[2-9]|2[0-9]|3[01])\$'), -- bcrypt, cost 12 or more
    role        text        NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    generation  bigint      NOT NULL DEFAULT 1, -- tokens of an earlier one are worth nothing
    created_at  timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz
);
COMMENT ON TABLE operators.accounts IS 'Operators who log in at the service operators.';

-- +goose StatementBegin
DO $$
DECLARE
    part text;
BEGIN
    BEGIN
        CREATE ROLE orderflow_operators NOLOGIN;
    EXCEPTION
        WHEN duplicate_object OR unique_violation THEN NULL; -- another database of this server was faster
        WHEN insufficient_privilege THEN
            RAISE EXCEPTION 'role orderflow_operators is missing and cannot be created here: create it, with NOLOGIN, and migrate again'
                USING ERRCODE = 'insufficient_privilege';
    END;
    IF NOT pg_has_role(current_user, 'orderflow_operators', 'MEMBER') THEN
        GRANT orderflow_operators TO CURRENT_USER; -- who owns everything can run everything
    END IF;
    FOREACH part IN ARRAY ARRAY['orderflow', 'read', 'projection', 'projection_template', 'journal'] LOOP
        IF to_regnamespace(part) IS NOT NULL THEN
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO orderflow_operators', part);
            EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO orderflow_operators', part);
            EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT ON TABLES TO orderflow_operators', part);
        END IF;
    END LOOP;
END $$;
-- +goose StatementEnd

GRANT USAGE ON SCHEMA operators TO orderflow_operators;
GRANT SELECT, INSERT, UPDATE ON operators.accounts TO orderflow_operators;
