/*
 * Second factors (two_factor.h). SQL decides, and knows all secrets; here the password is asked for
 * (jobs/password_ask.h), and cookies are read. A sign-in that waits is known by the digest of its
 * cookie.
 */
#include "features/two_factor.h"

#include "config.h"
#include "db/db.h"
#include "features/oidc_request.h"
#include "http/reply.h"
#include "jobs/password_ask.h"

struct password_fields {
	struct str password;
	struct str method;
	struct str issuer;
};

struct code_fields {
	struct str code;
	enum field_bool trust_device;
	enum field_bool disable_session;
	struct str oauth_query;
};

struct verifying {
	struct str oauth_input; /* an authorization request that waits for this */
};

static const char *const methods[] = {"otp", "totp", NULL};

static const struct field enable_fields[] = {
    {"password", FIELD_PASSWORD, FIELD_REQUIRED,
	.offset = offsetof(struct password_fields, password)},
    {"method", FIELD_ENUM, 0, .offset = offsetof(struct password_fields, method),
	.options = methods},
    {"issuer", FIELD_STRING, 0, .offset = offsetof(struct password_fields, issuer), .max = 64},
    {NULL},
};
const struct schema two_factor_enable_schema = {enable_fields, sizeof(struct password_fields)};

static const struct field only_password_fields[] = {
    {"password", FIELD_PASSWORD, FIELD_REQUIRED,
	.offset = offsetof(struct password_fields, password)},
    {NULL},
};
const struct schema two_factor_password_schema = {
    only_password_fields, sizeof(struct password_fields)};

static const struct field code_field_table[] = {
    {"code", FIELD_STRING, FIELD_REQUIRED | FIELD_SECRET,
	.offset = offsetof(struct code_fields, code), .max = 64},
    {"disableSession", FIELD_BOOL, 0, .offset = offsetof(struct code_fields, disable_session)},
    {"trustDevice", FIELD_BOOL, 0, .offset = offsetof(struct code_fields, trust_device)},
    {"oauth_query", FIELD_STRING, FIELD_SECRET,
	.offset = offsetof(struct code_fields, oauth_query)},
    {NULL},
};
const struct schema two_factor_code_schema = {code_field_table, sizeof(struct code_fields)};

static const struct field send_fields[] = {
    {"trustDevice", FIELD_BOOL, 0, .offset = FIELD_NOWHERE},
    {NULL},
};
const struct schema two_factor_send_schema = {send_fields, 0};

static enum step ask_password(struct request *r, step_fn *finish);
static enum step enable_finish(struct request *r);
static enum step disable_finish(struct request *r);
static enum step totp_uri_finish(struct request *r);
static enum step backup_codes_finish(struct request *r);
static enum step verify(struct request *r, struct str method, bool may_skip_session);
static enum step verified(struct request *r);

enum step
two_factor_enable(struct request *r)
{
	return ask_password(r, enable_finish);
}

static enum step
enable_finish(struct request *r)
{
	const struct password_fields *in = r->fields;
	const struct password_asking *asking = r->state;

	return db_call(r, CALL_TWO_FACTOR_ENABLE, password_answered,
	    password_challenge_arg(r, asking), password_output_arg(asking),
	    db_text(r, in->method.p ? in->method : STR("totp")),
	    db_text(r, in->issuer.len > 0 ? in->issuer : config.brand_name));
}

enum step
two_factor_disable(struct request *r)
{
	return ask_password(r, disable_finish);
}

static enum step
disable_finish(struct request *r)
{
	const struct password_asking *asking = r->state;

	return db_call(r, CALL_TWO_FACTOR_DISABLE, password_answered,
	    password_challenge_arg(r, asking), password_output_arg(asking),
	    db_digest(request_cookie_digest(r, COOKIE_TRUST_DEVICE)));
}

enum step
two_factor_totp_uri(struct request *r)
{
	return ask_password(r, totp_uri_finish);
}

static enum step
totp_uri_finish(struct request *r)
{
	const struct password_asking *asking = r->state;

	return db_call(r, CALL_TWO_FACTOR_TOTP_URI, password_answered,
	    password_challenge_arg(r, asking), password_output_arg(asking),
	    db_text(r, config.brand_name));
}

enum step
two_factor_backup_codes(struct request *r)
{
	return ask_password(r, backup_codes_finish);
}

static enum step
backup_codes_finish(struct request *r)
{
	const struct password_asking *asking = r->state;

	return db_call(r, CALL_TWO_FACTOR_BACKUP_CODES, password_answered,
	    password_challenge_arg(r, asking), password_output_arg(asking));
}

static enum step
ask_password(struct request *r, step_fn *finish)
{
	const struct password_fields *in = r->fields;
	struct password_asking *asking = request_state(r, sizeof(*asking));

	*asking = (struct password_asking){.plain = in->password, .finish = finish};
	return password_ask(r, asking);
}

enum step
two_factor_verify_totp(struct request *r)
{
	return verify(r, STR("totp"), false);
}

enum step
two_factor_verify_otp(struct request *r)
{
	return verify(r, STR("otp"), false);
}

enum step
two_factor_verify_backup_code(struct request *r)
{
	return verify(r, STR("backup"), true);
}

enum step
two_factor_verify_any(struct request *r)
{
	return verify(r, STR("any"), false);
}

static enum step
verify(struct request *r, struct str method, bool may_skip_session)
{
	const struct code_fields *in = r->fields;
	struct verifying *s = request_state(r, sizeof(*s));

	if (in->oauth_query.len > 0 && !oidc_request_read(r, &s->oauth_input))
		return oidc_invalid_signature(r);
	return db_call(r, CALL_TWO_FACTOR_VERIFY, verified,
	    db_digest(request_cookie_digest(r, COOKIE_TWO_FACTOR)), db_text(r, method),
	    db_text(r, in->code), db_bool(in->trust_device == FIELD_TRUE),
	    db_bool(may_skip_session && in->disable_session == FIELD_TRUE),
	    db_digest(request_cookie_digest(r, COOKIE_DEVICE)));
}

static enum step
verified(struct request *r)
{
	const struct verifying *s = r->state;

	return s->oauth_input.p != NULL ? oidc_continue_as_signed_in(r, s->oauth_input)
					: reply_relay(r);
}

enum step
two_factor_send(struct request *r)
{
	return db_call(r, CALL_TWO_FACTOR_SEND, reply_relay,
	    db_digest(request_cookie_digest(r, COOKIE_TWO_FACTOR)));
}

bool
two_factor_is_asked(const struct request *r)
{
	return row_count(r->answer) == 1 && row_bool(r->answer, 0, REPLY_SECOND_FACTOR_ASKED);
}
