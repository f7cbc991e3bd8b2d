/* The rows that nearly every request begins with, also for other parts of the extension. */
#ifndef MANA_SESSION_H
#define MANA_SESSION_H

#include "access/htup_details.h"

/* auth.session_find for C: the live session of an auth.caller; false: there is none. */
extern bool session_find(Datum *row, HeapTupleHeader caller);

/* The row of a text key in a unique index, as the active snapshot has it; false: there is none. */
extern bool row_find(Datum *row, const char *table, const char *index, Datum key);

#endif
