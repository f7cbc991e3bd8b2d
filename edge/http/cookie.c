/* Reading and writing of cookies; see cookie.h. */
#include "http/cookie.h"

static struct str trim(struct str s);

void
cookie_name(struct buf *out, const struct config *c, struct str name)
{
	if (c->secure_cookies_prefix)
		buf_str(out, STR("__Secure-"));
	buf_str(out, STR("mana."));
	buf_str(out, name);
}

struct str
cookie_find(struct str header, struct str full_name)
{
	struct str pair, name, value;
	bool more = header.p != NULL;

	while (more) {
		more = str_cut(&pair, &header, header, ';');
		if (str_cut(&name, &value, trim(pair), '=') && str_equal(trim(name), full_name))
			return trim(value);
	}
	return STR_NONE;
}

/* In the order in which clients have always seen them. */
void
cookie_write(
    struct buf *out, const struct config *c, struct str name, struct str value, int max_age_seconds)
{
	cookie_name(out, c, name);
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

static struct str
trim(struct str s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = str_skip(s, 1);
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}
