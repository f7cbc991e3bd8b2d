/*
 * A row of auth.reply, as an answer. The database never holds a session token and signs no JWT, so
 * it leaves a control byte where one belongs, which JSON text cannot contain: 01 the fresh session
 * token, 02 a JWT signed from the claims (the next line of them each time, while there are more),
 * 03 the session token that was presented.
 */
#include "config.h"
#include "db/row.h"
#include "http/cookie.h"
#include "http/private.h"
#include "http/reply.h"
#include "keys/signing.h"
#include "log.h"
#include "routes.h"

enum marker {
	MARKER_FRESH = 1,
	MARKER_ACCESS = 2,
	MARKER_PRESENTED = 3,
	MARKER_LAST = MARKER_PRESENTED
};
enum { JWT_ROOM = 1024, JWTS_MAX = 2, AGE_DIGITS_MAX = 8 };

struct jwts {
	struct str jwt[JWTS_MAX];
	int count;
};

static enum step refused(struct request *r, struct str name);
static bool sign_all(struct request *r, struct jwts *jwts, struct str lines);
static bool sign(struct request *r, struct str *jwt, struct str claims);
static bool add_cookies(struct request *r, struct str lines);
static bool add_cookie(struct request *r, struct str line);
static bool read_age(int *seconds, struct str age);
static struct str fill_markers(struct request *r, struct str body, const struct jwts *jwts);
static struct str marked(const struct request *r, char c, const struct jwts *jwts, int *next);
static enum step broken(struct request *r, const char *what);

enum step
reply_relay(struct request *r)
{
	struct jwts jwts = {.count = 0};
	struct str body, location;
	bool in_header;
	int status;

	if (row_count(r->answer) != 1)
		return broken(r, "rows");
	if (!reply_relay_cookies(r))
		return broken(r, "cookies");
	if (row_text(r->answer, 0, REPLY_REFUSAL).p != NULL)
		return refused(r, row_text(r->answer, 0, REPLY_REFUSAL));
	if (r->form != NULL)
		return r->form->granted(r);
	body = row_text(r->answer, 0, REPLY_BODY);
	in_header = (r->route->flags & ROUTE_AUTH_JWT) && config.session_jwt_header;
	if ((in_header || str_has(body, MARKER_ACCESS)) &&
	    row_text(r->answer, 0, REPLY_CLAIMS).p != NULL &&
	    !sign_all(r, &jwts, row_text(r->answer, 0, REPLY_CLAIMS)))
		return reply_refusal(r, ERR_SERVICE_UNAVAILABLE, STR_NONE, 1);
	if (jwts.count > 0 && in_header)
		reply_header(r, "set-auth-jwt", jwts.jwt[0]);
	location = row_text(r->answer, 0, REPLY_LOCATION);
	if (location.p != NULL)
		reply_header(r, "location", location);
	status = (int)row_int(r->answer, 0, REPLY_STATUS, 200);
	return body.p != NULL ? reply_json(r, status, fill_markers(r, body, &jwts))
			      : reply_empty(r, status);
}

bool
reply_relay_cookies(struct request *r)
{
	return add_cookies(r, row_text(r->answer, 0, REPLY_COOKIES));
}

static enum step
refused(struct request *r, struct str name)
{
	enum error e = error_by_name(name);

	if (e == OK)
		return broken(r, arena_cstr(&r->arena, name));
	return reply_refusal_detailed(r, e, row_text(r->answer, 0, REPLY_MESSAGE),
	    (int)row_int(r->answer, 0, REPLY_RETRY_AFTER, 0), row_text(r->answer, 0, REPLY_BODY));
}

static bool
sign_all(struct request *r, struct jwts *jwts, struct str lines)
{
	struct str line;
	bool more = true;

	while (more) {
		more = str_cut(&line, &lines, lines, '\n');
		if (jwts->count == JWTS_MAX || !sign(r, &jwts->jwt[jwts->count], line))
			return false;
		jwts->count++;
	}
	return true;
}

/* Members make an access JWT; an algorithm, a type where it is not JWT, and an object, with a space
 * between them, are a token that is signed as it is. */
static bool
sign(struct request *r, struct str *jwt, struct str claims)
{
	struct buf out = arena_buf(&r->arena, 2 * claims.len + JWT_ROOM);
	bool is_access_token = str_starts(claims, STR("\""));
	struct str alg, type = STR("JWT"), object;

	if (is_access_token) {
		if (!signing_access_token(&out, claims,
			r->token_audience.len > 0 ? r->token_audience : config.jwt_audience))
			return false;
	} else if (!str_cut(&alg, &object, claims, ' ') ||
		   (!str_starts(object, STR("{")) && !str_cut(&type, &object, object, ' ')) ||
		   !signing_token(&out, alg, type, object)) {
		return false;
	}
	*jwt = buf_view(&out);
	return true;
}

/* A line each. */
static bool
add_cookies(struct request *r, struct str lines)
{
	struct str line;
	bool more = lines.p != NULL;

	while (more) {
		more = str_cut(&line, &lines, lines, '\n');
		if (!add_cookie(r, line))
			return false;
	}
	return true;
}

/* name SP value SP seconds|session; the value "-" deletes, a marker is a token. The session cookie
 * holds a session token and nothing else. */
static bool
add_cookie(struct request *r, struct str line)
{
	struct str text, value, age, rest;
	SECRET_SESSION_TOKEN token;
	enum cookie cookie;
	int seconds;

	if (!str_cut(&text, &rest, line, ' ') || !str_cut(&value, &age, rest, ' ') ||
	    !read_age(&seconds, age))
		return false;
	cookie = cookie_by_name(text);
	if (cookie == COOKIE_COUNT)
		return false;
	if (str_equal(value, STR("-"))) {
		reply_cookie_delete(r, cookie);
		return true;
	}
	if (value.len == 1 && marked(r, value.p[0], NULL, NULL).p != NULL)
		value = marked(r, value.p[0], NULL, NULL);
	if (cookie != COOKIE_SESSION) {
		reply_cookie(r, cookie, value, seconds);
		return true;
	}
	if (!token_read(&token, value))
		return false;
	reply_session_cookie(r, &token, seconds);
	return true;
}

static bool
read_age(int *seconds, struct str age)
{
	*seconds = REPLY_SESSION_COOKIE;
	if (str_equal(age, STR("session")))
		return true;
	*seconds = 0;
	if (age.len == 0 || age.len > AGE_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < age.len; i++) {
		if (age.p[i] < '0' || age.p[i] > '9')
			return false;
		*seconds = *seconds * 10 + (age.p[i] - '0');
	}
	return true;
}

static struct str
fill_markers(struct request *r, struct str body, const struct jwts *jwts)
{
	size_t size = body.len + 1, from = 0;
	struct buf out;
	int next = 0;

	for (size_t i = 0; i < body.len; i++)
		if ((unsigned char)body.p[i] <= MARKER_LAST)
			size += marked(r, body.p[i], jwts, &next).len;
	if (size == body.len + 1)
		return body;
	out = arena_buf(&r->arena, size);
	next = 0;
	for (size_t i = 0; i < body.len; i++) {
		struct str token;

		if ((unsigned char)body.p[i] > MARKER_LAST)
			continue;
		token = marked(r, body.p[i], jwts, &next);
		if (token.p == NULL)
			continue;
		buf_str(&out, (struct str){.p = body.p + from, .len = i - from});
		buf_str(&out, token);
		from = i + 1;
	}
	buf_str(&out, str_skip(body, from));
	return buf_view(&out);
}

/* What a marker stands for, and which JWT is the next; STR_NONE for any other byte. */
static struct str
marked(const struct request *r, char c, const struct jwts *jwts, int *next)
{
	switch (c) {
	case MARKER_FRESH:
		return (struct str){.p = r->caller.fresh.chars, .len = TOKEN_CHARS};
	case MARKER_ACCESS:
		if (jwts == NULL || jwts->count == 0)
			return STR_NONE;
		return jwts->jwt[*next < jwts->count - 1 ? (*next)++ : *next];
	case MARKER_PRESENTED:
		return r->caller.session_token;
	default:
		return STR_NONE;
	}
}

static enum step
broken(struct request *r, const char *what)
{
	log_request_event(
	    r, LOG_ERROR_LEVEL, "reply", "the database's reply is not understood", what, NULL);
	return reply_error(r, ERR_INTERNAL);
}
