/* The rows that nearly every request begins with, also for other parts of the extension. */
#ifndef MANA_SESSION_H
#define MANA_SESSION_H

#include "access/htup_details.h"
#include "fmgr.h"

/* The function of SQL: session_find(caller auth.caller); NULL: there is no live session. */
extern Datum mana_session_find(PG_FUNCTION_ARGS);

/* The same for C; false: there is none. */
extern bool session_find(Datum *row, HeapTupleHeader caller);

/* The row of a text key in a unique index, as the active snapshot has it; false: there is none. */
extern bool row_find(Datum *row, const char *table, const char *index, Datum key);

#endif
