/* Whose rows the running transaction may see (row-level security). */
#ifndef MANA_IDENTITY_H
#define MANA_IDENTITY_H

extern void identity_init(void);

/* Until the end of the transaction, or the next call. The caller has checked who is asking. */
extern void identity_assume(const char *user_id);

/* Whether a policy would let the transaction touch this user's rows: it is theirs, or maintenance.
 */
extern bool identity_is(const char *user_id);

#endif
