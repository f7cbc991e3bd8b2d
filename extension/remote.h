/*
 * Transactions in another PostgreSQL that a DBA has declared as a foreign server: opened, asked and
 * ended within a call, in bounded time. Nothing here raises because the other side is away; the
 * caller is told the reason and goes on without it. Cancelling the backend ends the waiting at
 * once, and the connection goes with the memory context it was opened in.
 */
#ifndef MANA_REMOTE_H
#define MANA_REMOTE_H

#include "libpq-fe.h"

struct remote;

enum remote_access { REMOTE_READ, REMOTE_WRITE };

/* Connects to the foreign server with the mapping of the current user and begins a transaction in
 * which row-level security shows the rows of one user (app.current_user_id). The remote server must
 * ask for the mapping's password, unless the foreign server belongs to a superuser and the mapping
 * says password_required 'false'. NULL: *reason says why.
 */
struct remote *remote_begin(
    const char *server, const char *user_id, enum remote_access access, const char **reason);
/* Runs a statement with text parameters; the result lives until the next one. NULL: it failed, and
 * the transaction with it. */
const PGresult *
remote_query(struct remote *r, const char *sql, int count, const char *const values[]);
/* Commits and begins the next transaction for the same user, in what is left of the time. False: it
 * failed. */
bool remote_again(struct remote *r);
/* Why the transaction has failed; NULL: it has not. */
const char *remote_reason(const struct remote *r);
/* Commits and closes. NULL, or why it is not committed, or why nobody knows. */
const char *remote_commit(struct remote *r);
/* Closes without committing. */
void remote_close(struct remote *r);
/* Defines the setting mana_auth.sync_timeout. */
void remote_define_settings(void);

/* Reasons; the server's log has the details. */
#define REMOTE_NOT_CONFIGURED "not_configured"
#define REMOTE_UNREACHABLE    "unreachable"
#define REMOTE_TIMED_OUT      "timed_out"
#define REMOTE_FAILED         "failed"

#endif
