/*
 * AES-256-GCM (NIST SP 800-38D) in WebCrypto's layout: the tag follows the ciphertext. The caller
 * gives a random iv, never used twice with one key.
 */
#ifndef MANA_AEAD_H
#define MANA_AEAD_H

#include "str.h"

enum { AEAD_KEY_BYTES = 32, AEAD_IV_BYTES = 12, AEAD_TAG_BYTES = 16 };

/* Writes plain.len + AEAD_TAG_BYTES bytes. False and wiped out only if the library fails. */
bool aead_seal(unsigned char *out, const unsigned char key[static AEAD_KEY_BYTES],
    const unsigned char iv[static AEAD_IV_BYTES], struct str aad, struct str plain) MUST_USE;
/* Writes sealed.len - AEAD_TAG_BYTES bytes. False and wiped out if the tag does not fit. */
bool aead_open(unsigned char *out, const unsigned char key[static AEAD_KEY_BYTES],
    const unsigned char iv[static AEAD_IV_BYTES], struct str aad, struct str sealed) MUST_USE;

#endif
