/*
 * Signing keys and the secret of cookies (signing.h). The database says which key signs: of each
 * algorithm the youngest whose time has come; all that it lists are published and accepted. What it
 * said is good for a while only: an edge that has lost touch stops publishing and signing before a
 * key that it has not heard of can be in use elsewhere.
 */
#include "keys/signing.h"

#include <openssl/crypto.h>
#include <sodium.h>
#include <stdlib.h>
#include <time.h>

#include "background.h"
#include "base64.h"
#include "config.h"
#include "db/db.h"
#include "http/reply.h"
#include "jws.h"
#include "jws_sign.h"
#include "keys/seen.h"
#include "log.h"
#include "listen.h"
#include "loop.h"

enum {
	KEYS_MAX = JWS_KEYS_MAX,
	KID_MAX = 64,
	JWKS_BYTES = 16 * 1024,
	ETAG_BYTES = 16,
	PKCS8_BYTES_MAX = 4096,
	SECRET_MAX = 512,
	PURPOSE_BYTES = 64,
	SECURE_HEAP_BYTES = 256 * 1024, /* private RSA and P-256 keys, old and new ones at once */
	SECURE_HEAP_PIECE = 32,
	ACCESS_TOKEN_SECONDS = 900,
	CLAIMS_ROOM = 1024
};
enum { REFETCH_MS = 1000 /* for unknown keys: at most this often */ };
enum column { KID, ALG, PUBLIC_KEY, PRIVATE_KEY, SIGNS_IN, GOOD_FOR };

struct key {
	char kid[KID_MAX + 1];
	struct signing_key eddsa;
	struct jwk_public public;
	struct jws_key *other; /* RS256 or ES256, in OpenSSL's secure heap; NULL: EdDSA */
	struct str alg;
	uint64_t signs_from_ms;
};

struct ring {
	struct key keys[KEYS_MAX]; /* the youngest of an algorithm first */
	int count;
	char cookie_secret[SECRET_MAX];
	size_t cookie_secret_length;
};

static const struct str eddsa = {.p = "EdDSA", .len = 5}, rs256 = {.p = "RS256", .len = 5},
			es256 = {.p = "ES256", .len = 5};

static struct ring *ring; /* guarded, locked, no part of a core dump */
static char jwks[JWKS_BYTES];
static char etag[2 * ETAG_BYTES + 3];
static size_t jwks_length;
static uint64_t fetched_ms, good_until_ms;

static enum step keys_fetched(struct request *r);
static enum step secret_fetched(struct request *r);
static enum step fetched(struct request *r);
static void forget_keys(void);
static bool read_key(struct key *key, const struct db_answer *a, int row);
static bool read_private(struct key *key, const struct db_answer *a, int row);
static void publish(const struct db_answer *a);
static void publish_key(struct buf *out, const struct key *key, struct str public_key);
static struct str cookie_secret(void);
static void cookie_purpose(struct buf *out, struct str name);
static const struct key *current_key(struct str alg);
static const struct key *key_by_kid(struct str kid);

void
signing_start(void)
{
	ring = sodium_malloc(sizeof(*ring));
	/* 1: made, and locked; 2 would be made without */
	if (ring == NULL || CRYPTO_secure_malloc_init(SECURE_HEAP_BYTES, SECURE_HEAP_PIECE) != 1)
		abort(); /* RLIMIT_MEMLOCK; less than half a megabyte is needed */
	sodium_memzero(ring, sizeof(*ring));
	ring->cookie_secret_length =
	    config.cookie_secret.len < SECRET_MAX ? config.cookie_secret.len : SECRET_MAX;
	if (ring->cookie_secret_length > 0)
		memcpy(ring->cookie_secret, config.cookie_secret.p, ring->cookie_secret_length);
}

bool
signing_ready(void)
{
	return ring->cookie_secret_length > 0 && current_key(eddsa) != NULL;
}

static struct str
cookie_secret(void)
{
	return (struct str){.p = ring->cookie_secret, .len = ring->cookie_secret_length};
}

void
signing_session_cookie(struct buf *out, const struct session_token *token)
{
	token_session_sign(out, cookie_secret(), token);
}

bool
signing_session_read(struct session_token *out, struct str cookie)
{
	return token_session_verify(out, cookie_secret(), cookie);
}

void
signing_cookie(struct buf *out, struct str name, struct str value)
{
	char memory[PURPOSE_BYTES];
	struct buf purpose = BUF_ON(memory);

	cookie_purpose(&purpose, name);
	token_purpose_sign(out, cookie_secret(), buf_view(&purpose), value);
}

bool
signing_cookie_read(struct str *value, struct str name, struct str cookie)
{
	char memory[PURPOSE_BYTES];
	struct buf purpose = BUF_ON(memory);

	cookie_purpose(&purpose, name);
	return token_purpose_verify(value, cookie_secret(), buf_view(&purpose), cookie);
}

static void
cookie_purpose(struct buf *out, struct str name)
{
	buf_str(out, STR("cookie "));
	buf_str(out, name);
	if (!buf_ok(out))
		abort(); /* the names are those of http/cookies.def */
}

void
signing_page_query_mac(struct digest *out, struct str query)
{
	token_purpose_mac(out, cookie_secret(), STR("page query"), query);
}

bool
signing_refresh_mac(struct digest *out, struct str token)
{
	if (ring->cookie_secret_length == 0)
		return false;
	token_purpose_mac(out, cookie_secret(), STR("refresh successor"), token);
	return true;
}

bool
signing_legacy_link_read(struct buf *claims, const struct jwt *link)
{
	return ring->cookie_secret_length > 0 && jwt_verify_hs256(claims, link, cookie_secret());
}

struct str
signing_jwks(struct str *tag)
{
	if (jwks_length == 0 || loop_now_ms() >= good_until_ms) {
		signing_refetch();
		return STR_NONE;
	}
	*tag = str_from(etag);
	return (struct str){.p = jwks, .len = jwks_length};
}

enum step
signing_fetch(struct request *r)
{
	return db_call(r, CALL_SIGNING_KEYS, keys_fetched);
}

static enum step
keys_fetched(struct request *r)
{
	int count = 0, rows = row_count(r->answer);

	forget_keys();
	for (int row = 0; row < rows && count < KEYS_MAX; row++)
		if (read_key(&ring->keys[count], r->answer, row))
			count++;
	ring->count = count;
	if (count < rows)
		log_event(LOG_ERROR_LEVEL, "keys", "not every signing key can be used", NULL, NULL);
	fetched_ms = loop_now_ms();
	good_until_ms =
	    fetched_ms + (rows > 0 ? (uint64_t)(row_double(r->answer, 0, GOOD_FOR, 0) * 1000) : 0);
	publish(r->answer);
	if (ring->cookie_secret_length == 0)
		return db_call(r, CALL_EDGE_SECRET, secret_fetched);
	return fetched(r);
}

static enum step
fetched(struct request *r)
{
	if (signing_ready())
		listen_begin();
	return reply_nobody(r);
}

static void
forget_keys(void)
{
	for (int i = 0; i < ring->count; i++)
		jws_key_free(ring->keys[i].other);
	sodium_memzero(ring->keys, sizeof(ring->keys));
	ring->count = 0;
	seen_forget();
}

/* Used as text, like BETTER_AUTH_SECRET, so that it can become one. */
static enum step
secret_fetched(struct request *r)
{
	unsigned char secret[SECRET_KEY_BYTES];
	size_t count;

	if (row_bytes(r->answer, 0, 0, secret, &count, sizeof(secret)) && count == sizeof(secret)) {
		sodium_bin2hex(
		    ring->cookie_secret, sizeof(ring->cookie_secret), secret, sizeof(secret));
		ring->cookie_secret_length = 2 * sizeof(secret);
	} else {
		log_event(LOG_ERROR_LEVEL, "keys", "the secret of cookies has an unexpected form",
		    NULL, NULL);
	}
	sodium_memzero(secret, sizeof(secret));
	return fetched(r);
}

static bool
read_key(struct key *key, const struct db_answer *a, int row)
{
	struct str kid = row_text(a, row, KID), alg = row_text(a, row, ALG);
	double signs_in = row_double(a, row, SIGNS_IN, 0);

	key->alg = str_equal(alg, rs256) ? rs256 : str_equal(alg, es256) ? es256 : eddsa;
	if (!str_equal(alg, key->alg) || kid.len == 0 || kid.len > KID_MAX ||
	    !read_private(key, a, row)) {
		log_event(
		    LOG_ERROR_LEVEL, "keys", "a signing key has an unexpected form", kid.p, NULL);
		return false;
	}
	memcpy(key->kid, kid.p, kid.len);
	key->kid[kid.len] = '\0';
	key->signs_from_ms = signs_in > 0 ? loop_now_ms() + (uint64_t)(signs_in * 1000) : 0;
	return true;
}

static bool
read_private(struct key *key, const struct db_answer *a, int row)
{
	unsigned char bytes[PKCS8_BYTES_MAX];
	size_t count;
	bool ok = row_bytes(a, row, PRIVATE_KEY, bytes, &count, sizeof(bytes));

	key->other = NULL;
	if (ok && str_equal(key->alg, eddsa)) {
		ok = count == crypto_sign_SEEDBYTES;
		if (ok) {
			signing_key_of_seed(&key->eddsa, bytes);
			jwk_public_of(&key->public, &key->eddsa);
		}
	} else if (ok) {
		key->other = jws_key_read(key->alg, bytes, count);
		ok = key->other != NULL;
	}
	sodium_memzero(bytes, sizeof(bytes));
	return ok;
}

/* RFC 7517, section 5: every key that the database lists and this edge can use. */
static void
publish(const struct db_answer *a)
{
	struct buf out = BUF_ON(jwks), tag = BUF_ON(etag);
	struct digest digest;

	buf_str(&out, STR("{\"keys\":["));
	for (int row = 0; row < row_count(a); row++) {
		const struct key *key = key_by_kid(row_text(a, row, KID));

		if (key != NULL)
			publish_key(&out, key, row_text(a, row, PUBLIC_KEY));
	}
	buf_str(&out, STR("]}"));
	jwks_length = buf_ok(&out) ? out.len : 0; /* KEYS_MAX keys fit */
	digest_sha256(&digest, (struct str){.p = jwks, .len = jwks_length});
	buf_char(&tag, '"');
	buf_hex(&tag, digest.bytes, ETAG_BYTES);
	buf_char(&tag, '"');
	etag[tag.len] = '\0';
}

/* Members in the order in which clients have always seen them. */
static void
publish_key(struct buf *out, const struct key *key, struct str public_key)
{
	if (out->p[out->len - 1] == '}')
		buf_char(out, ',');
	buf_str(out, STR("{\"alg\":"));
	buf_json_str(out, key->alg);
	buf_char(out, ',');
	if (public_key.len > 2) /* without its braces */
		buf_str(out, (struct str){.p = public_key.p + 1, .len = public_key.len - 2});
	buf_str(out, STR(",\"kid\":"));
	buf_json_str(out, str_from(key->kid));
	buf_char(out, '}');
}

static const struct key *
current_key(struct str alg)
{
	uint64_t now_ms = loop_now_ms();

	for (int i = 0; i < ring->count && now_ms < good_until_ms; i++)
		if (str_equal(ring->keys[i].alg, alg) && ring->keys[i].signs_from_ms <= now_ms)
			return &ring->keys[i];
	return NULL;
}

bool
signing_access_token(struct buf *out, struct str members, struct str audience)
{
	char *memory = malloc(members.len + audience.len + CLAIMS_ROOM);
	struct buf claims = {.p = memory, .size = members.len + audience.len + CLAIMS_ROOM};
	int64_t now = (int64_t)time(NULL);
	bool ok;

	if (memory == NULL)
		abort();
	buf_str(&claims, STR("{\"iat\":"));
	buf_int(&claims, now);
	buf_char(&claims, ',');
	buf_str(&claims, members);
	buf_str(&claims, STR(",\"exp\":"));
	buf_int(&claims, now + ACCESS_TOKEN_SECONDS);
	buf_str(&claims, STR(",\"iss\":"));
	buf_json_str(&claims, config.jwt_issuer);
	buf_str(&claims, STR(",\"aud\":"));
	buf_json_str(&claims, audience);
	buf_char(&claims, '}');
	ok = buf_ok(&claims) && signing_token(out, eddsa, STR("JWT"), buf_view(&claims));
	buf_wipe(&claims);
	free(memory);
	return ok;
}

bool
signing_token(struct buf *out, struct str alg, struct str type, struct str claims)
{
	const struct key *key = current_key(alg);

	if (key == NULL)
		return false;
	if (key->other != NULL)
		jws_sign(out, key->other, str_from(key->kid), type, claims);
	else
		jwt_sign_eddsa(out, &key->eddsa, str_from(key->kid), type, claims);
	return buf_ok(out);
}

bool
signing_verify(struct buf *claims, struct str token)
{
	char memory[KID_MAX + 1];
	struct buf kid = BUF_ON(memory);
	const struct key *key;
	struct jwt jwt;

	if (!jwt_parse(&jwt, token))
		return false;
	if (seen_before(token))
		return jwt_claims_verified_before(claims, &jwt);
	if (!jwt_kid(&kid, &jwt, eddsa))
		return false;
	key = key_by_kid(buf_view(&kid));
	if (key == NULL)
		signing_refetch();
	if (key == NULL || key->other != NULL || !jwt_verify_eddsa(claims, &jwt, &key->public))
		return false;
	seen_remember(token);
	return true;
}

bool
signing_verify_token(struct buf *claims, struct str token)
{
	struct jwt jwt;

	return jwt_parse(&jwt, token) &&
	       jws_verify(claims, &jwt, (struct str){.p = jwks, .len = jwks_length});
}

static const struct key *
key_by_kid(struct str kid)
{
	for (int i = 0; i < ring->count; i++)
		if (str_equal(kid, str_from(ring->keys[i].kid)))
			return &ring->keys[i];
	return NULL;
}

void
signing_refetch(void)
{
	if (loop_now_ms() - fetched_ms > REFETCH_MS)
		background_wake(signing_fetch);
}
