#!/bin/sh
# Run once by the postgres image: the database and its three logins. None of them can switch row-level security off.
set -eu
psql --username postgres --set ON_ERROR_STOP=1 \
    --set owner="$CSMS_OWNER_PASSWORD" --set app="$CSMS_APP_PASSWORD" --set system="$CSMS_SYSTEM_PASSWORD" <<'SQL'
CREATE ROLE csms_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB PASSWORD :'owner';
CREATE ROLE csms_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB PASSWORD :'app';
CREATE ROLE csms_system LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB PASSWORD :'system';
CREATE DATABASE csms OWNER csms_owner;
SQL
