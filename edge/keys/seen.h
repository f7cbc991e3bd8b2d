/*
 * Access JWTs whose signature this worker has verified since it last heard of the signing keys: an
 * app sends the same one for a quarter of an hour, and to verify Ed25519 costs more than everything
 * else that the edge does for a request. Only the signature is remembered: expiry, issuer, audience
 * and whether the session lives are asked each time.
 */
#ifndef MANA_SEEN_H
#define MANA_SEEN_H

#include "str.h"

/* Whether exactly these bytes were verified. */
bool seen_before(struct str token);
/* After a successful verification. */
void seen_remember(struct str token);
/* When the keys are fetched: one of them may be gone. */
void seen_forget(void);

#endif
