/* The rows that nearly every request begins with, also for other parts of the extension. */
#ifndef MANA_SESSION_H
#define MANA_SESSION_H

#include "fmgr.h"

/* The function of SQL: session_find(caller auth.caller); NULL: there is no live session. */
extern Datum mana_session_find(PG_FUNCTION_ARGS);

#endif
