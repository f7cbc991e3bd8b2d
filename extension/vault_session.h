/* Whose vault a call may touch. */
#ifndef MANA_VAULT_SESSION_H
#define MANA_VAULT_SESSION_H

#include "access/htup.h"

/*
 * The live session of a caller, and from here on the identity of its user; NULL: there is none. To
 * the end of the transaction the user cannot be erased (auth.vault_hold).
 */
extern HeapTupleHeader vault_session(Datum caller);

#endif
