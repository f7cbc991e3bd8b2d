/*
 * Ed25519 keys as JWK (RFC 8037): OKP, crv Ed25519.
 */
#ifndef MANA_JWK_H
#define MANA_JWK_H

#include "buf.h"
#include "secret.h"

enum { JWK_PUBLIC_BYTES = 32 };

struct jwk_public {
	unsigned char bytes[JWK_PUBLIC_BYTES];
};

/* The key of a seed. */
void signing_key_of_seed(
    struct signing_key *out, const unsigned char seed[static crypto_sign_SEEDBYTES]);
/* The public half of a signing key. */
void jwk_public_of(struct jwk_public *out, const struct signing_key *key);
/* Reads the public members of a JWK. False and wiped out if it is not OKP/Ed25519 or not canonical.
 */
bool jwk_public_read(struct jwk_public *out, struct str json) MUST_USE;
/* Reads a private JWK; x must belong to d. False and wiped out otherwise. */
bool jwk_private_read(struct signing_key *out, struct str json) MUST_USE;
/* Appends {"crv":"Ed25519","x":..,"kty":"OKP"}; with alg, use and kid when kid is present. */
void jwk_public_write(struct buf *out, const struct jwk_public *key, struct str kid);
/* Appends the private JWK: a secret, seal it. */
void jwk_private_write(struct buf *out, const struct signing_key *key);
/* Appends the thumbprint, base64url(SHA-256) (RFC 7638). */
void jwk_thumbprint(struct buf *out, const struct jwk_public *key);

#endif
