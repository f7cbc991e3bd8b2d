/*
 * Who a relying party says it is, at the token, introspection and revocation endpoints (RFC 6749,
 * section 2.3; RFC 7523; OpenID Connect Core, section 9). Proofs are reduced to what SQL compares:
 * the SHA-256 of a secret, or the jti of an assertion whose signature was verified here.
 */
#ifndef MANA_OIDC_CLIENT_AUTH_H
#define MANA_OIDC_CLIENT_AUTH_H

#include "db/db.h"
#include "field.h"

/* The fields of a form that speak of the client; first in the struct of each such endpoint. */
struct oidc_client_fields {
	struct str client_id;
	struct str client_secret;
	struct str assertion_type;
	struct str assertion;
};

#define OIDC_CLIENT_FIELDS(type)                                                                   \
	{"client_id", FIELD_STRING, FIELD_SECRET, .offset = offsetof(type, client.client_id),      \
	    .max = 128},                                                                           \
	    {"client_secret", FIELD_STRING, FIELD_SECRET,                                          \
		.offset = offsetof(type, client.client_secret), .max = 512},                       \
	    {"client_assertion_type", FIELD_STRING, FIELD_SECRET,                                  \
		.offset = offsetof(type, client.assertion_type), .max = 128},                      \
	{                                                                                          \
		"client_assertion", FIELD_STRING, FIELD_SECRET,                                    \
		    .offset = offsetof(type, client.assertion), .max = 8192                        \
	}

struct oidc_client {
	struct str method; /* the one that was used, by its registered name; STR_NONE: nothing */
	struct str id;
	bool has_secret;
	struct digest secret;
	struct str assertion;
	struct str jti;
	int64_t expires_at;
	step_fn *next;
};

/* The arguments of a call that authenticates a client; see oidc_client_authenticate in SQL. */
#define OIDC_CLIENT_ARGUMENTS(r, c)                                                                \
	db_text((r), (c)->method), db_text((r), (c)->id),                                          \
	    (c)->has_secret ? db_bytes((c)->secret.bytes, DIGEST_BYTES) : db_null(),               \
	    db_text((r), (c)->jti), (c)->jti.p != NULL ? db_int((r), (c)->expires_at) : db_null()

/* Reads and prepares; `next` is the step that makes the call, with what it finds in r->state, which
 * must begin with a struct oidc_client. What cannot be one is answered here. */
enum step
oidc_client_identify(struct request *r, const struct oidc_client_fields *in, step_fn *next);
/* An answer of SQL, as these endpoints give it: 401 names the scheme that may be tried. */
enum step oidc_client_answer(struct request *r);

#endif
