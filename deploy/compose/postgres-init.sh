#!/bin/sh
# Makes the schema's owner, once. No superuser: it may make the role that everything else runs as, no more.
set -eu
psql --username postgres --set ON_ERROR_STOP=1 --set password="$NETRA_DATABASE_PASSWORD" <<'SQL'
CREATE ROLE netra_owner LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE netra OWNER netra_owner;
SQL
