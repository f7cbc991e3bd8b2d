/*
 * Names of the SQL statements of calls.c: every one that the edge can send.
 */
#ifndef MANA_CALLS_H
#define MANA_CALLS_H

#include <stdbool.h>

enum call {
	CALL_NONE,
	CALL_READY,
	CALL_EDGE_SECRET,
	CALL_SIGNING_KEYS,
	CALL_SESSION_GET,
	CALL_SESSION_SIGN_OUT,
	CALL_TOKEN_ISSUE,
	CALL_SIGN_IN_LOOKUP,
	CALL_SIGN_IN_FINISH,
	CALL_SIGN_UP,
	CALL_VERIFY_EMAIL,
	CALL_SESSION_LIST,
	CALL_SESSION_REVOKE,
	CALL_SESSION_REVOKE_BY_ID,
	CALL_SESSION_REVOKE_ALL,
	CALL_SESSION_REVOKE_OTHERS,
	CALL_SESSION_REFRESH,
	CALL_SESSION_TO_TOKEN,
	CALL_SESSION_LOG_OUT,
	CALL_USER_UPDATE,
	CALL_USER_PROFILE,
	CALL_EMAIL_CHANGE,
	CALL_ACCOUNT_LIST,
	CALL_ACCOUNT_UNLINK,
	CALL_SECURITY_EVENT_LIST,
	CALL_PASSWORD_RESET_REQUEST,
	CALL_VERIFICATION_SEND,
	CALL_SIGNUP_STATUS,
	CALL_PASSWORD_LOOKUP,
	CALL_PASSWORD_CHANGE,
	CALL_PASSWORD_VERIFIED,
	CALL_USER_DELETE,
	CALL_PASSWORD_RESET_CHECK,
	CALL_PASSWORD_RESET,
	CALL_SWEEP,
	CALL_VAULT_STATUS,
	CALL_VAULT_INIT,
	CALL_VAULT_KEY,
	CALL_VAULT_ROTATE,
	CALL_VAULT_SET_RECOVERY,
	CALL_VAULT_CLEAR_RECOVERY,
	CALL_VAULT_ZERO_KNOWLEDGE,
	CALL_OUTBOX_CLAIM,
	CALL_OUTBOX_DONE,
	CALL_OUTBOX_FAILED,
	CALL_COUNT
};

enum call_kind {
	CALL_OWN,    /* arguments as given to db_call */
	CALL_CALLED, /* $1 to $8 are the caller, then the arguments */
	CALL_RELAY,  /* $1 to $8 are the caller, $9 the input; answers auth.reply */
};

enum call_pool {
	POOL_FAST, /* pipelined: nothing that may take more than some 20 ms */
	POOL_SLOW, /* a connection of its own while it runs */
};

struct call_info {
	const char *name; /* of the prepared statement, and in the logs */
	const char *sql;
	enum call_kind kind;
	enum call_pool pool;
	int arguments; /* that db_call must give: those behind the caller */
};

extern const struct call_info calls[CALL_COUNT];

#endif
