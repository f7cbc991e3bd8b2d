/*
 * Signing keys and the secret of cookies (signing.h). The database says which key signs: the
 * youngest whose time has come; all that it lists are published and accepted. A worker that does
 * not reach the database keeps the keys it has.
 */
#include "keys/signing.h"

#include <sodium.h>
#include <stdlib.h>
#include <time.h>

#include "background.h"
#include "base64.h"
#include "config.h"
#include "db/db.h"
#include "http/reply.h"
#include "log.h"
#include "loop.h"

enum {
	KEYS_MAX = 8,
	KID_MAX = 64,
	JWKS_BYTES = 4096,
	SECRET_MAX = 512,
	ACCESS_TOKEN_SECONDS = 900,
	CLAIMS_ROOM = 1024
};
enum { REFETCH_MS = 1000 /* for unknown keys: at most this often */ };
enum column { KID, ALG, PUBLIC_KEY, SEED, SIGNS_IN };

struct key {
	char kid[KID_MAX + 1];
	struct signing_key seed;
	struct jwk_public public;
	uint64_t signs_from_ms;
};

struct ring {
	struct key keys[KEYS_MAX]; /* the youngest first */
	int count;
	char cookie_secret[SECRET_MAX];
	size_t cookie_secret_length;
};

static struct ring *ring; /* guarded, locked, no part of a core dump */
static char jwks[JWKS_BYTES];
static size_t jwks_length;
static uint64_t fetched_ms;

static enum step keys_fetched(struct request *r);
static enum step secret_fetched(struct request *r);
static bool read_key(struct key *key, const struct db_answer *a, int row);
static void publish(void);
static const struct key *current_key(void);
static const struct key *key_by_kid(struct str kid);

void
signing_start(void)
{
	ring = sodium_malloc(sizeof(*ring));
	if (ring == NULL)
		abort(); /* RLIMIT_MEMLOCK; a page or two are needed */
	sodium_memzero(ring, sizeof(*ring));
	ring->cookie_secret_length =
	    config.cookie_secret.len < SECRET_MAX ? config.cookie_secret.len : SECRET_MAX;
	if (ring->cookie_secret_length > 0)
		memcpy(ring->cookie_secret, config.cookie_secret.p, ring->cookie_secret_length);
}

bool
signing_ready(void)
{
	return ring->cookie_secret_length > 0 && current_key() != NULL;
}

struct str
signing_cookie_secret(void)
{
	return (struct str){.p = ring->cookie_secret, .len = ring->cookie_secret_length};
}

struct str
signing_jwks(void)
{
	return jwks_length > 0 ? (struct str){.p = jwks, .len = jwks_length} : STR_NONE;
}

enum step
signing_fetch(struct request *r)
{
	return db_call(r, CALL_SIGNING_KEYS, keys_fetched);
}

static enum step
keys_fetched(struct request *r)
{
	int count = 0;

	sodium_memzero(ring->keys, sizeof(ring->keys));
	for (int row = 0; row < row_count(r->answer) && count < KEYS_MAX; row++)
		if (read_key(&ring->keys[count], r->answer, row))
			count++;
	ring->count = count;
	fetched_ms = loop_now_ms();
	publish();
	if (ring->cookie_secret_length == 0)
		return db_call(r, CALL_EDGE_SECRET, secret_fetched);
	return reply_nobody(r);
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
	return reply_nobody(r);
}

static bool
read_key(struct key *key, const struct db_answer *a, int row)
{
	struct str kid = row_text(a, row, KID);
	double signs_in = row_double(a, row, SIGNS_IN, 0);
	size_t count;

	if (!str_equal(row_text(a, row, ALG), STR("EdDSA")))
		return false;
	if (kid.len == 0 || kid.len > KID_MAX ||
	    !row_bytes(a, row, SEED, key->seed.seed, &count, sizeof(key->seed.seed)) ||
	    count != sizeof(key->seed.seed)) {
		log_event(
		    LOG_ERROR_LEVEL, "keys", "a signing key has an unexpected form", kid.p, NULL);
		return false;
	}
	memcpy(key->kid, kid.p, kid.len);
	key->kid[kid.len] = '\0';
	jwk_public_of(&key->public, &key->seed);
	key->signs_from_ms = signs_in > 0 ? loop_now_ms() + (uint64_t)(signs_in * 1000) : 0;
	return true;
}

/* RFC 7517 section 5; members in the order in which clients have always seen them. */
static void
publish(void)
{
	struct buf out = BUF_ON(jwks);

	buf_str(&out, STR("{\"keys\":["));
	for (int i = 0; i < ring->count; i++) {
		buf_str(&out, i > 0 ? STR(",") : STR(""));
		buf_str(&out, STR("{\"alg\":\"EdDSA\",\"crv\":\"Ed25519\",\"x\":\""));
		base64url_encode(&out, ring->keys[i].public.bytes, JWK_PUBLIC_BYTES);
		buf_str(&out, STR("\",\"kty\":\"OKP\",\"kid\":"));
		buf_json_str(&out, str_from(ring->keys[i].kid));
		buf_char(&out, '}');
	}
	buf_str(&out, STR("]}"));
	jwks_length = buf_ok(&out) ? out.len : 0; /* KEYS_MAX keys fit */
}

static const struct key *
current_key(void)
{
	uint64_t now_ms = loop_now_ms();

	for (int i = 0; i < ring->count; i++)
		if (ring->keys[i].signs_from_ms <= now_ms)
			return &ring->keys[i];
	return NULL;
}

bool
signing_access_token(struct buf *out, struct str members)
{
	char *memory = malloc(members.len + CLAIMS_ROOM);
	struct buf claims = {.p = memory, .size = members.len + CLAIMS_ROOM};
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
	buf_json_str(&claims, config.jwt_audience);
	buf_char(&claims, '}');
	ok = buf_ok(&claims) && signing_token(out, buf_view(&claims));
	buf_wipe(&claims);
	free(memory);
	return ok;
}

bool
signing_token(struct buf *out, struct str claims)
{
	const struct key *key = current_key();

	if (key == NULL)
		return false;
	jwt_sign_eddsa(out, &key->seed, str_from(key->kid), claims);
	return buf_ok(out);
}

bool
signing_verify(struct buf *claims, struct str token)
{
	char memory[KID_MAX + 1];
	struct buf kid = BUF_ON(memory);
	const struct key *key;
	struct jwt jwt;

	if (!jwt_parse(&jwt, token) || !jwt_kid(&kid, &jwt, STR("EdDSA")))
		return false;
	key = key_by_kid(buf_view(&kid));
	if (key != NULL)
		return jwt_verify_eddsa(claims, &jwt, &key->public);
	if (loop_now_ms() - fetched_ms > REFETCH_MS)
		background_wake(
		    signing_fetch); /* perhaps it is new: the client's next try will know */
	return false;
}

static const struct key *
key_by_kid(struct str kid)
{
	for (int i = 0; i < ring->count; i++)
		if (str_equal(kid, str_from(ring->keys[i].kid)))
			return &ring->keys[i];
	return NULL;
}
