/* Reading and writing of cookies; see cookie.h. */
#include "http/cookie.h"

#include "http/octets.h"

enum prefix { COOKIE_PREFIX_SHARED, COOKIE_PREFIX_HOST };

static const struct {
	const char *name;
	enum prefix prefix;
} cookies[COOKIE_COUNT] = {
#define COOKIE(name, text, prefix) [COOKIE_##name] = {text, prefix},
#include "http/cookies.def"
#undef COOKIE
};

struct str
cookie_short_name(enum cookie cookie)
{
	return str_from(cookies[cookie].name);
}

enum cookie
cookie_by_name(struct str short_name)
{
	enum cookie cookie = 0;

	while (cookie < COOKIE_COUNT && !str_equal(cookie_short_name(cookie), short_name))
		cookie++;
	return cookie;
}

/* A browser accepts "__Host-" only with Secure and without Domain. */
void
cookie_name(struct buf *out, const struct config *c, enum cookie cookie)
{
	bool is_of_host = cookies[cookie].prefix == COOKIE_PREFIX_HOST && c->cookie_domain.len == 0;

	if (c->secure_cookies_prefix)
		buf_str(out, is_of_host ? STR("__Host-") : STR("__Secure-"));
	buf_str(out, STR("mana."));
	buf_str(out, cookie_short_name(cookie));
}

struct str
cookie_next(struct str *rest, struct str full_name)
{
	struct str pair, name, value;

	while (rest->p != NULL) {
		(void)str_cut(&pair, rest, *rest, ';'); /* the last one ends the list */
		if (str_cut(&name, &value, octets_trim(pair), '=') &&
		    str_equal(octets_trim(name), full_name))
			return octets_trim(value);
	}
	return STR_NONE;
}

/* In the order in which clients have always seen them. */
void
cookie_write(struct buf *out, const struct config *c, enum cookie cookie, struct str value,
    int max_age_seconds)
{
	cookie_name(out, c, cookie);
	buf_char(out, '=');
	buf_str(out, value);
	if (max_age_seconds >= 0) {
		buf_str(out, STR("; Max-Age="));
		buf_int(out, max_age_seconds);
	}
	if (c->cookie_domain.len > 0) {
		buf_str(out, STR("; Domain="));
		buf_str(out, c->cookie_domain);
	}
	buf_str(out, STR("; Path=/; HttpOnly"));
	if (c->secure_cookies_prefix || c->production)
		buf_str(out, STR("; Secure"));
	buf_str(out, c->cookie_domain.len > 0 ? STR("; SameSite=None") : STR("; SameSite=Lax"));
}
