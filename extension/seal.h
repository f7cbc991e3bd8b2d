/* Authenticated encryption under the key ring, bound to a context. */
#ifndef MANA_SEAL_H
#define MANA_SEAL_H

#include "fmgr.h"
#include "kek.h"

#define SEAL_IV_BYTES  12
#define SEAL_TAG_BYTES 16
#define SEAL_OVERHEAD  (SEAL_IV_BYTES + SEAL_TAG_BYTES)

/*
 * AES-256-GCM. `out` takes iv ‖ ciphertext ‖ tag, len + SEAL_OVERHEAD bytes; the IV is 96 random
 * bits (NIST SP 800-38D 8.2.2; good for 2^32 messages a key). ERROR when OpenSSL fails.
 */
extern void gcm_seal(unsigned char *out, const struct kek *kek, const void *aad, size_t aad_len,
    const unsigned char *plain, size_t len);

/* `out` takes len - SEAL_OVERHEAD bytes. False, and `out` wiped, when the tag does not match. */
extern bool gcm_open(unsigned char *out, const struct kek *kek, const void *aad, size_t aad_len,
    const unsigned char *sealed, size_t len);

/* The same for what nearly every request opens: by libsodium where the processor has the
 * instructions, at a quarter of the time. */
extern bool gcm_open_often(unsigned char *out, const struct kek *kek, const void *aad,
    size_t aad_len, const unsigned char *sealed, size_t len);

/* The functions of SQL: seal(plain bytea, context text), unseal(sealed bytea, context text). */
extern Datum mana_seal(PG_FUNCTION_ARGS);
extern Datum mana_unseal(PG_FUNCTION_ARGS);

#endif
