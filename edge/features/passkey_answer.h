/*
 * What a browser posts at the end of a ceremony: the JSON form of a PublicKeyCredential (Web
 * Authentication level 3, section 5.1.8), decoded.
 */
#ifndef MANA_PASSKEY_ANSWER_H
#define MANA_PASSKEY_ANSWER_H

#include "http/request.h"

struct passkey_answer {
	struct str credential_id; /* base64url, as it came */
	struct str client_data;   /* JSON */
	struct str attestation_object;
	struct str authenticator_data;
	struct str signature;
	struct str user_handle; /* text; STR_NONE: not told */
	struct str transports;  /* those that are known, by comma */
};

/* False if it is no such thing at all. What a ceremony needs and is not there is STR_NONE. */
bool passkey_answer_read(struct request *r, struct passkey_answer *out, struct str json) MUST_USE;

#endif
