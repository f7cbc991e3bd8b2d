/* AES-256-GCM by OpenSSL (aead.h): libsodium has it only where the processor does, and not at all
 * on arm64 in Debian 12. */
#include "aead.h"

#include <openssl/evp.h>
#include <sodium.h>

bool
aead_seal(unsigned char *out, const unsigned char key[static AEAD_KEY_BYTES],
    const unsigned char iv[static AEAD_IV_BYTES], struct str aad, struct str plain)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;
	bool ok =
	    ctx != NULL && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, iv) == 1 &&
	    EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)aad.p, (int)aad.len) == 1 &&
	    EVP_EncryptUpdate(ctx, out, &n, (const unsigned char *)plain.p, (int)plain.len) == 1 &&
	    EVP_EncryptFinal_ex(ctx, out + plain.len, &n) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, AEAD_TAG_BYTES, out + plain.len) == 1;

	EVP_CIPHER_CTX_free(ctx); /* wipes the key schedule */
	if (!ok)
		sodium_memzero(out, plain.len + AEAD_TAG_BYTES);
	return ok;
}

bool
aead_open(unsigned char *out, const unsigned char key[static AEAD_KEY_BYTES],
    const unsigned char iv[static AEAD_IV_BYTES], struct str aad, struct str sealed)
{
	size_t len = sealed.len - AEAD_TAG_BYTES;
	unsigned char tag[AEAD_TAG_BYTES];
	EVP_CIPHER_CTX *ctx;
	int n;
	bool ok;

	if (sealed.len < AEAD_TAG_BYTES)
		return false;
	memcpy(tag, sealed.p + len, sizeof(tag));
	ctx = EVP_CIPHER_CTX_new();
	ok = ctx != NULL && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, iv) == 1 &&
	     EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)aad.p, (int)aad.len) == 1 &&
	     EVP_DecryptUpdate(ctx, out, &n, (const unsigned char *)sealed.p, (int)len) == 1 &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, sizeof(tag), tag) == 1 &&
	     EVP_DecryptFinal_ex(ctx, out + len, &n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		sodium_memzero(out, len);
	return ok;
}
