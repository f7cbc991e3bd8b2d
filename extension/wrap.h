/* A user's master key, wrapped under the key ring. */
#ifndef MANA_WRAP_H
#define MANA_WRAP_H

#include "access/htup.h"
#include "kek.h"

#define MASTER_KEY_BYTES 32
#define MASTER_KEY_CHARS 44 /* base64 of it */
#define COMMITMENT_BYTES 32
#define WRAP_CHARS       64 /* base64 of ciphertext and tag */
#define WRAP_IV_CHARS    16 /* base64 of the IV */
#define WRAP_FORMAT      2  /* what is written */

/* Columns of auth.vault_wrap. */
enum wrap_column {
	WRAP_WRAPPED_MK,
	WRAP_WRAP_IV,
	WRAP_FORMAT_VERSION,
	WRAP_KEK_ID,
	WRAP_COMMITMENT,
	WRAP_COLUMNS
};

struct wrap {
	char wrapped_mk[WRAP_CHARS + 1];
	char wrap_iv[WRAP_IV_CHARS + 1];
	int format_version;
	char kek_id[KEK_ID_MAX + 1];
	bool has_commitment;
	unsigned char commitment[COMMITMENT_BYTES];
	bool was_opened; /* by wrap_open, which does not ask the commitment again */
};

/* Of the columns of auth.vault_wrap; what is too long to be a wrap is cut and will not open. */
extern void wrap_from_columns(
    struct wrap *wrap, const Datum values[WRAP_COLUMNS], const bool nulls[WRAP_COLUMNS]);

/* Of an auth.vault_wrap. */
extern void wrap_from_record(struct wrap *wrap, HeapTupleHeader record);

/* Wraps under the active key, in the present format, bound to the user. */
extern void
wrap_seal(struct wrap *out, const unsigned char master_key[MASTER_KEY_BYTES], const char *user_id);

/*
 * False, and the key wiped, when the ring lacks the key, or the wrap does not belong here, or holds
 * another key than the vault is committed to (an older one of the same user opens, too); LOGs
 * which.
 */
extern bool
wrap_open(unsigned char master_key[MASTER_KEY_BYTES], struct wrap *wrap, const char *user_id);

/* What the vault remembers of a key without knowing it: the key is the HMAC's key, so nothing of it
 * shows. */
extern void wrap_commit(unsigned char commitment[COMMITMENT_BYTES],
    const unsigned char master_key[MASTER_KEY_BYTES], const char *user_id);

#endif
