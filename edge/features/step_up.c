/*
 * Step-up authentication (step_up.h). The password is asked for (jobs/password_ask.h), passkeys are
 * those of passkey.c; codes and mailed tokens are SQL's. POST /api/v1/auth/step-up/mail is a relay.
 */
#include "features/step_up.h"

#include "db/db.h"
#include "features/passkey_step_up.h"
#include "http/reply.h"
#include "jobs/password_ask.h"

enum { CODE_CHARS_MAX = 64, TOKEN_CHARS_MAX = 64, PASSKEY_BYTES_MAX = 32 * 1024 };

struct step_up_fields {
	struct str password;
	struct str code;
	struct str token;
	struct str passkey;
};

static const struct field field_table[] = {
    {"password", FIELD_PASSWORD, 0, .offset = offsetof(struct step_up_fields, password)},
    {"code", FIELD_STRING, FIELD_SECRET, .offset = offsetof(struct step_up_fields, code),
	.max = CODE_CHARS_MAX},
    {"token", FIELD_STRING, FIELD_SECRET, .offset = offsetof(struct step_up_fields, token),
	.max = TOKEN_CHARS_MAX},
    {"passkey", FIELD_JSON, FIELD_SECRET, .offset = offsetof(struct step_up_fields, passkey),
	.max = PASSKEY_BYTES_MAX},
    {NULL},
};
const struct schema step_up_schema = {field_table, sizeof(struct step_up_fields)};

static const struct field mail_field_table[] = {
    {"purpose", FIELD_STRING, FIELD_REQUIRED, .offset = FIELD_NOWHERE, .max = 64},
    {NULL},
};
const struct schema step_up_mail_schema = {mail_field_table, 0};

static enum step password_finish(struct request *r);

enum step
step_up(struct request *r)
{
	const struct step_up_fields *in = r->fields;
	struct password_asking *asking;
	int proofs = (in->password.p != NULL) + (in->code.p != NULL) + (in->token.p != NULL) +
		     (in->passkey.p != NULL);

	if (proofs != 1)
		return reply_refusal(
		    r, ERR_VALIDATION, STR("Give one of password, code, token, passkey"), 0);
	if (in->code.p != NULL)
		return db_call(r, CALL_STEP_UP_CODE, reply_relay, db_text(r, in->code));
	if (in->token.p != NULL)
		return db_call(r, CALL_STEP_UP_TOKEN, reply_relay, db_text(r, in->token));
	if (in->passkey.p != NULL)
		return passkey_step_up(r, in->passkey);
	asking = request_state(r, sizeof(*asking));
	*asking = (struct password_asking){.plain = in->password, .finish = password_finish};
	return password_ask(r, asking);
}

static enum step
password_finish(struct request *r)
{
	const struct password_asking *asking = r->state;

	return db_call(r, CALL_STEP_UP_PASSWORD, password_answered,
	    password_challenge_arg(r, asking), password_output_arg(asking));
}
