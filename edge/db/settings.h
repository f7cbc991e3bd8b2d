/*
 * The settings of a database session on which the edge and the extension rely. A DBA may have
 * changed their defaults for the server, the database or the role; each connection sets them again.
 * They are set by SQL and not in the start-up packet, because PgBouncer refuses start-up parameters
 * that it does not track. Behind a pooler that gives a connection to each transaction no session
 * setting lasts: there the role has them, and the edge compares.
 */
#ifndef MANA_SETTINGS_H
#define MANA_SETTINGS_H

#include <jansson.h>
#include <stdio.h>

#include "str.h"

/*
 * Sets them, or compares them and gives the names of those that differ. $1 is the JSON text of
 * settings_wanted.
 */
extern const char settings_set_sql[], settings_compare_sql[];

/*
 * The settings as a JSON object of names and texts, which the caller releases. statement_ms and
 * lock_ms are statement_timeout and lock_timeout in milliseconds.
 */
json_t *settings_wanted(int64_t statement_ms, int64_t lock_ms) MUST_USE;
/* The same for every connection behind a transaction pooler, where one role serves all lanes. */
json_t *settings_wanted_of_role(void) MUST_USE;
/* Sets statement_timeout ($1) and lock_timeout ($2) for what follows in the session. */
extern const char settings_limits_sql[];
/* Prints the SQL for psql that gives them to the role :role in the database :database. */
void settings_print(FILE *out);

#endif
