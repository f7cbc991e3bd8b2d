/*
 * The proof of a session: what an access JWT carries beside the session's id so that the database,
 * not the edge, decides whether the bearer was given that token. Ids of sessions are shown in
 * lists, exports and id_tokens; a proof stands in access JWTs only.
 */
#ifndef MANA_SESSION_PROOF_H
#define MANA_SESSION_PROOF_H

#include "fmgr.h"

#define SESSION_PROOF_CHARS 22 /* 128 bits in base64url without padding (RFC 4648 section 5) */

/* Defines mana_auth.session_proof. */
extern void session_proof_define_settings(void);

/*
 * Writes the proof of a session (its id and the id of its user, both text) and a NUL: the first 16
 * bytes of HMAC-SHA-256 over a label and the two ids. Returns false, and writes an empty string,
 * when the key cannot be opened.
 */
extern bool session_proof(char out[static SESSION_PROOF_CHARS + 1], Datum id, Datum user_id);

/*
 * Reads a session reference "id.proof" (text) of a user and returns the id (text) when the proof is
 * right: the session was that user's, even if it has ended.
 * Returns false otherwise; an id alone is refused unless mana_auth.session_proof is off. Compares
 * in constant time.
 */
extern bool session_reference_read(Datum *id, Datum reference, Datum user_id);

#endif
