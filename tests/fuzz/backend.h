/* What the C functions of the extension take from PostgreSQL's server, for targets that run them
 * without one: memory, StringInfo, text values, and an ereport that ends the call. */
#ifndef MANA_FUZZ_BACKEND_H
#define MANA_FUZZ_BACKEND_H

#include "postgres.h"

#include "fmgr.h"
#include "fuzz.h"

/* Calls an SQL function; false: it raised an error or returned NULL. The result lives until
 * backend_reset. */
bool backend_call(Datum *result, PGFunction function, int count, const Datum *arguments);
/* A text or bytea value, and what is in one. */
Datum backend_text(struct str value);
struct str backend_bytes(Datum value);
/* Gives back all memory. */
void backend_reset(void);

#endif
