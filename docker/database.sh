#!/bin/sh
# Run once by the database's image, as its superuser, when its volume is empty.
set -eu
psql -v database=backstory -U "$POSTGRES_USER" -f /bootstrap.sql
psql -U "$POSTGRES_USER" -v password="$BACKSTORY_DATABASE_PASSWORD" <<'SQL'
ALTER ROLE backstory_owner PASSWORD :'password';
ALTER ROLE backstory_service PASSWORD :'password';
SQL
