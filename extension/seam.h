/* The SQL seam as C sees it: who calls, what is answered, and the routines that decide. */
#ifndef MANA_SEAM_H
#define MANA_SEAM_H

#include "fmgr.h"

/* Attributes of auth.caller, as GetAttributeByNum counts them. */
enum caller_column {
	CALLER_SESSION_DIGEST = 1,
	CALLER_FRESH_DIGEST,
	CALLER_USER_ID,
	CALLER_SESSION_ID,
	CALLER_IP,
	CALLER_USER_AGENT,
	CALLER_REQUEST_ID
};

/* Columns of auth.reply. */
enum reply_column {
	REPLY_REFUSAL,
	REPLY_MESSAGE,
	REPLY_RETRY_AFTER,
	REPLY_STATUS,
	REPLY_BODY,
	REPLY_LOCATION,
	REPLY_COOKIES,
	REPLY_CLAIMS,
	REPLY_COLUMNS
};

/* The routine of schema auth with these argument types, ready to be called: with its own rights
 * and settings. ERROR when there is none. */
extern void seam_routine(FmgrInfo *out, const char *name, const Oid *types, int count);

#endif
