/* The SQL seam as C sees it: who calls, what is answered, and the routines that decide. */
#ifndef MANA_SEAM_H
#define MANA_SEAM_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "fmgr.h"
#include "reply_columns.h"

/* Attributes of auth.caller. */
enum caller_column {
	CALLER_SESSION_DIGEST,
	CALLER_FRESH_DIGEST,
	CALLER_USER_ID,
	CALLER_SESSION_REFERENCE,
	CALLER_IP,
	CALLER_USER_AGENT,
	CALLER_REQUEST_ID,
	CALLER_RATE_CLASS,
	CALLER_COLUMNS
};
struct caller {
	Datum values[CALLER_COLUMNS];
	bool nulls[CALLER_COLUMNS];
};

/* An auth.caller, taken apart. */
extern void caller_read(struct caller *out, HeapTupleHeader caller);

/* The row type, of so many columns, that the SQL function or procedure returns which is being
 * called; good until the catalog changes. ERROR when it is another. */
extern TupleDesc seam_result(FunctionCallInfo fcinfo, int columns);

/* The routine of schema auth with these argument types, ready to be called: with its own rights
 * and settings. ERROR when there is none. */
extern void seam_routine(FmgrInfo *out, const char *name, const Oid *types, int count);

#endif
