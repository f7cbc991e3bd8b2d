/* The shapes that clients of each group of routes read; see error_body.h. */
#include "http/error_body.h"

static void member(struct buf *out, const char *name, struct str value);
static void number(struct buf *out, const char *name, int value);
static struct str status_phrase(int status);

void
error_body(struct buf *out, enum error_shape shape, const struct error_info *e, struct str message,
    int retry_after_seconds, struct str details)
{
	if (shape == ERRORS_OAUTH && e->status == 415)
		shape = ERRORS_BETTER_AUTH; /* refused before OAuth is spoken */
	switch (shape) {
	case ERRORS_BETTER_AUTH:
		member(out, "{\"message\"", message);
		member(out, ",\"code\"", e->name);
		break;
	case ERRORS_V1:
		member(out, "{\"error\"", e->name);
		member(out, ",\"code\"", e->name);
		member(out, ",\"message\"", message);
		number(out, ",\"status\"", e->status);
		if (retry_after_seconds > 0) {
			number(out, ",\"retryAfterSec\"", retry_after_seconds);
			number(out, ",\"remainingSeconds\"", retry_after_seconds);
		}
		break;
	case ERRORS_VAULT:
		member(out, "{\"error\"", message);
		member(out, ",\"code\"", e->name);
		break;
	case ERRORS_ME:
		number(out, "{\"statusCode\"", e->status);
		member(out, ",\"error\"", message);
		member(out, ",\"message\"", message);
		if (details.len > 0) /* they cannot be understood without the error's name */
			member(out, ",\"code\"", e->name);
		break;
	case ERRORS_ADMIN:
		number(out, "{\"statusCode\"", e->status);
		member(out, ",\"error\"", status_phrase(e->status));
		member(out, ",\"message\"", message);
		member(out, ",\"code\"", e->name);
		break;
	case ERRORS_OAUTH:
		member(out, "{\"error\"",
		    e->oauth.len > 0  ? e->oauth
		    : e->status < 500 ? STR("invalid_request")
				      : STR("server_error"));
		member(out, ",\"error_description\"", message);
		break;
	case ERRORS_PLAIN:
		buf_str(out, message);
		return;
	}
	if (details.len > 2) {
		buf_char(out, ',');
		buf_str(out, str_skip(details, 1)); /* ends with the brace */
	} else {
		buf_char(out, '}');
	}
}

static void
member(struct buf *out, const char *name, struct str value)
{
	buf_str(out, str_from(name));
	buf_char(out, ':');
	buf_json_str(out, value);
}

static void
number(struct buf *out, const char *name, int value)
{
	buf_str(out, str_from(name));
	buf_char(out, ':');
	buf_int(out, value);
}

static struct str
status_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {
	    {400, "Bad request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not found"},
	    {409, "Conflict"},
	    {429, "Too many requests"},
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return str_from(phrases[i].phrase);
	return STR("Error");
}
