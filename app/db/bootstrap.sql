-- What only a superuser can make: the two roles, the database, the extensions.
-- Run by psql; running it again changes nothing. docs/operations.md says how to use it
-- on a database of your own.

\set ON_ERROR_STOP 1
SET client_min_messages = warning;

-- Owns the tables and runs the migrations.
SELECT 'CREATE ROLE backstory_owner LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'backstory_owner') \gexec

-- Serves the requests and owns nothing, so that row security binds it.
SELECT 'CREATE ROLE backstory_service LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'backstory_service') \gexec

ALTER ROLE backstory_owner NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
ALTER ROLE backstory_service NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;

SELECT format('CREATE DATABASE %I OWNER backstory_owner TEMPLATE template0', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec

REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO backstory_service;

\connect :"database"
SET client_min_messages = warning;

CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
