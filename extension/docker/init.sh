#!/bin/bash
# Runs once, when the cluster is new: the database, the extension, and the password of the edge's role.
set -euo pipefail

edge_password=$(<"${EDGE_PASSWORD_FILE:?}")
psql -qX -v ON_ERROR_STOP=1 -U postgres -d "$POSTGRES_DB" -v password="$edge_password" <<'SQL'
SET log_min_error_statement = panic;
CREATE EXTENSION mana_auth CASCADE;
ALTER ROLE auth_edge LOGIN PASSWORD :'password';
SQL
