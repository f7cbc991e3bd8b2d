/*
 * No other service signs anybody in here (social.h). A callback can only be one that nobody has
 * asked for: its state is unknown.
 */
#include "features/social.h"

#include "config.h"
#include "http/reply.h"

enum { VALUE_MAX = 2048, PARAMETERS = 7, LOCATION_BYTES = 3 * PARAMETERS * VALUE_MAX + 1024 };

struct social_fields {
	struct str callback_url;
	struct str error_callback_url;
	struct str new_user_callback_url;
};

static const struct field social_field_table[] = {
    {"provider", FIELD_STRING, FIELD_REQUIRED, .offset = FIELD_NOWHERE, .max = 255},
    {"callbackURL", FIELD_URL, 0, .offset = offsetof(struct social_fields, callback_url)},
    {"errorCallbackURL", FIELD_URL, 0,
	.offset = offsetof(struct social_fields, error_callback_url)},
    {"newUserCallbackURL", FIELD_URL, 0,
	.offset = offsetof(struct social_fields, new_user_callback_url)},
    {NULL},
};
const struct schema social_schema = {social_field_table, sizeof(struct social_fields)};

#define PARAMETER(number)                                                                          \
	.offset = offsetof(struct callback_fields, values) + (number) * sizeof(struct str),        \
	.max = VALUE_MAX
struct callback_fields {
	struct str values[PARAMETERS];
};
static const struct field callback_field_table[] = {
    {"code", FIELD_STRING, FIELD_SECRET, PARAMETER(0)},
    {"error", FIELD_STRING, 0, PARAMETER(1)},
    {"device_id", FIELD_STRING, 0, PARAMETER(2)},
    {"error_description", FIELD_STRING, 0, PARAMETER(3)},
    {"state", FIELD_STRING, FIELD_SECRET, PARAMETER(4)},
    {"user", FIELD_STRING, 0, PARAMETER(5)},
    {"iss", FIELD_STRING, 0, PARAMETER(6)},
    {NULL},
};
const struct schema social_callback_schema = {callback_field_table, sizeof(struct callback_fields)};
enum { STATE = 4 };

/* Which account; SQL says what is wrong with it. */
static const struct field account_field_table[] = {
    {"accountId", FIELD_STRING, 0, .offset = FIELD_NOWHERE, .max = 255},
    {"useAccountCookie", FIELD_ANY, 0, .offset = FIELD_NOWHERE, .max = 16},
    {NULL},
};
const struct schema social_account_schema = {account_field_table, 0};

enum step
social_provider_not_found(struct request *r)
{
	return reply_error(r, ERR_PROVIDER_NOT_FOUND);
}

/* A form that another site posts has none of our cookies: it comes again as GET, as it does with
 * providers. */
enum step
social_callback(struct request *r)
{
	const struct callback_fields *in = r->fields;
	struct buf location = arena_buf(&r->arena, LOCATION_BYTES);
	char separator = '?';

	buf_str(&location, config.base_url);
	if (r->method == METHOD_GET) {
		buf_str(&location, STR("/api/auth/error?error="));
		buf_str(&location,
		    in->values[STATE].len > 0 ? STR("state_mismatch") : STR("state_not_found"));
		return reply_redirect(r, 302, buf_view(&location));
	}
	buf_str(&location, STR("/api/auth/callback/"));
	buf_uri(&location, r->captures[0]);
	for (int i = 0; i < PARAMETERS; i++) {
		if (in->values[i].p == NULL)
			continue;
		buf_char(&location, separator);
		buf_str(&location, str_from(callback_field_table[i].name));
		buf_char(&location, '=');
		buf_uri(&location, in->values[i]);
		separator = '&';
	}
	return reply_redirect(r, 302, buf_view(&location));
}
