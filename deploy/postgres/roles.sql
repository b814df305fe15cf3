-- The roles of Daybreak's database: run once, by a superuser, connected to that database.
--
-- daybreak_owner  owns the tables and runs `manage.py migrate`; nothing else uses it
-- daybreak        the application: reads and writes rows; owns nothing, so it can neither create,
--                 alter or empty a table nor switch off the triggers that seal the evidence
--
-- The passwords come from the environment. docker-compose.yml mounts this file where the image of
-- PostgreSQL runs it when the database is created; elsewhere:
--   DAYBREAK_PASSWORD=… POSTGRES_OWNER_PASSWORD=… psql -v ON_ERROR_STOP=1 -f deploy/postgres/roles.sql …
-- It may be run again: roles that exist get the passwords of the environment.

\set ON_ERROR_STOP on
\getenv password DAYBREAK_PASSWORD
\getenv owner_password POSTGRES_OWNER_PASSWORD
SELECT current_database() AS database \gset

SELECT format('CREATE ROLE %I', name) FROM (VALUES ('daybreak_owner'), ('daybreak')) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE daybreak_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'owner_password';
ALTER ROLE daybreak LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'password';

-- The time limits that Daybreak asks for with each connection. PgBouncer does not pass them on, so
-- the roles have them as well.
SELECT format('ALTER ROLE %I SET %I = %L', role, name, value)
FROM (VALUES ('daybreak_owner'), ('daybreak')) AS ours (role),
    (VALUES ('statement_timeout', '15s'), ('lock_timeout', '3s'),
        ('idle_in_transaction_session_timeout', '30s')) AS limits (name, value) \gexec

REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
ALTER DATABASE :"database" OWNER TO daybreak_owner;
ALTER SCHEMA public OWNER TO daybreak_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO daybreak;
GRANT USAGE ON SCHEMA public TO daybreak;

-- What the migrations make from now on. TRUNCATE, REFERENCES and TRIGGER are not among it.
ALTER DEFAULT PRIVILEGES FOR ROLE daybreak_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO daybreak;
ALTER DEFAULT PRIVILEGES FOR ROLE daybreak_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO daybreak;
ALTER DEFAULT PRIVILEGES FOR ROLE daybreak_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE daybreak_owner IN SCHEMA public
    GRANT EXECUTE ON FUNCTIONS TO daybreak;
-- What is there already, if the file is run later.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO daybreak;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO daybreak;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO daybreak;

-- In the container, the superuser of the image has no password: nobody signs in as it from outside.
SELECT 'ALTER ROLE postgres PASSWORD NULL' WHERE current_setting('listen_addresses') = '' \gexec
