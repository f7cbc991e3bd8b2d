/* Whose vault a call may touch. */
#ifndef MANA_VAULT_SESSION_H
#define MANA_VAULT_SESSION_H

#include "session.h"

/*
 * The live session of a caller, and from here on the identity of its user; false: there is none. To
 * the end of the transaction the user cannot be erased (auth.vault_hold).
 */
extern bool vault_session(struct row *session, const struct caller *caller);

#endif
