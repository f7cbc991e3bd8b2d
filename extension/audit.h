/* The vault's trail: who asked for what, and what came of it. */
#ifndef MANA_AUDIT_H
#define MANA_AUDIT_H

#include "seam.h"

/*
 * One row; it counts when the transaction commits. Runs with the rights of the owner and below
 * row-level security, so the identity must be the user's. `caller` and `context` may be NULL.
 */
extern void audit_write(const struct caller *caller, const char *user_id, const char *action,
    const char *context, int status);

#endif
