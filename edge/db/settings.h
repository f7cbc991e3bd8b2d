/*
 * The settings of a database session on which the edge and the extension rely. A DBA may have
 * changed their defaults for the server, the database or the role; each connection sets them again.
 * They are set by SQL and not in the start-up packet, because PgBouncer refuses start-up parameters
 * that it does not track.
 */
#ifndef MANA_SETTINGS_H
#define MANA_SETTINGS_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "str.h"

/*
 * Sends one statement that sets all settings, without a Sync. statement_ms and lock_ms are the
 * session's statement_timeout and lock_timeout in milliseconds. False: libpq could not send it.
 */
bool settings_send(PGconn *pg, int statement_ms, int lock_ms) MUST_USE;

#endif
