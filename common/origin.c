/* Origins and patterns of them (origin.h). */
#include "origin.h"

#include "uri.h"

enum { PATTERN_BYTES = 512 };

static bool app_origin(struct buf *out, struct str url, struct str *behind);
static bool scheme_is_app(struct str scheme);
static enum origin_problem web_pattern(struct buf *out, struct str text, size_t scheme_len);
static bool is_domain(struct str host);
static bool is_web(size_t *scheme_len, struct str url);

bool
origin_of(struct buf *out, struct str url)
{
	struct str behind;

	return uri_origin(out, url) || app_origin(out, url, &behind);
}

enum origin_problem
origin_pattern(struct buf *out, struct str text)
{
	struct str behind, scheme, rest;
	size_t scheme_len;

	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.p[i] <= ' ' || text.p[i] == ';')
			return ORIGIN_SEPARATOR;
	if (is_web(&scheme_len, text))
		return web_pattern(out, text, scheme_len);
	if (!str_cut(&scheme, &rest, text, ':') || !str_starts(rest, STR("/")))
		return str_has(text, '*') ? ORIGIN_STAR : ORIGIN_NO_SCHEME;
	if (!scheme_is_app(scheme))
		return ORIGIN_SCHEME_UNSAFE;
	if (str_has(rest, '*'))
		return ORIGIN_STAR;
	if (!app_origin(out, text, &behind))
		return ORIGIN_HOST;
	return behind.len == 0 || str_equal(behind, STR("/")) ? ORIGIN_OK : ORIGIN_HAS_MORE;
}

bool
origin_matches(struct str origin, struct str pattern)
{
	struct str before, after, middle;

	if (str_ends(pattern, STR("://")))
		return str_starts(origin, pattern);
	if (!str_cut(&before, &after, pattern, '*'))
		return str_equal(origin, pattern);
	/* one star, as whole labels in front of a dot */
	if (!str_ends(before, STR("://")) || !str_starts(after, STR(".")) ||
	    origin.len <= before.len + after.len || !str_starts(origin, before) ||
	    !str_ends(origin, after))
		return false;
	middle = (struct str){origin.p + before.len, origin.len - before.len - after.len};
	for (size_t i = 0; i < middle.len; i++)
		if (middle.p[i] == '/' || middle.p[i] == ':' || middle.p[i] == '@')
			return false;
	return middle.p[0] != '.';
}

/* An authority as a registered name or a domain, and what stands behind it. Its case counts: a
 * browser does not change it where it does not know the scheme (URL standard, opaque hosts). */
static bool
app_origin(struct buf *out, struct str url, struct str *behind)
{
	struct str scheme, rest, authority = STR("");
	size_t end = 0;

	for (size_t i = 0; i < url.len; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~' || url.p[i] == '\\')
			return false;
	if (!str_cut(&scheme, &rest, url, ':') || !str_starts(rest, STR("/")) ||
	    !scheme_is_app(scheme))
		return false;
	*behind = str_skip(rest, 1); /* scheme:/path has no authority (RFC 8252 section 7.1) */
	if (str_starts(rest, STR("//"))) {
		authority = str_skip(*behind, 1);
		while (end < authority.len && strchr("/?#", authority.p[end]) == NULL)
			end++;
		*behind = str_skip(authority, end);
		authority.len = end;
	}
	for (size_t i = 0; i < authority.len; i++) {
		char c = str_lower(authority.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			strchr("-._~:", c) != NULL))
			return false;
	}
	for (size_t i = 0; i < scheme.len; i++)
		buf_char(out, str_lower(scheme.p[i]));
	buf_str(out, STR("://"));
	buf_str(out, authority);
	return buf_ok(out);
}

/* RFC 3986 section 3.1, less the schemes that a browser treats in a way of its own. */
static bool
scheme_is_app(struct str scheme)
{
	static const char *const own[] = {"http", "https", "javascript", "data", "vbscript", "file",
	    "filesystem", "blob", "about", "view-source", "ws", "wss", "ftp", "chrome", "resource",
	    "content", "intent", "jar", "mailto", "tel", "sms"};

	for (size_t i = 0; i < scheme.len; i++) {
		char c = str_lower(scheme.p[i]);
		bool letter = c >= 'a' && c <= 'z';

		if (!letter && (i == 0 || !((c >= '0' && c <= '9') || strchr("+-.", c) != NULL)))
			return false;
	}
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (str_equal_nocase(scheme, str_from(own[i])))
			return false;
	return scheme.len > 0;
}

static enum origin_problem
web_pattern(struct buf *out, struct str text, size_t scheme_len)
{
	char memory[PATTERN_BYTES], host_memory[PATTERN_BYTES];
	struct buf url = BUF_ON(memory), origin = BUF_ON(host_memory);
	struct str authority = str_skip(text, scheme_len), host;
	bool starred = str_starts(authority, STR("*."));

	while (str_ends(authority, STR("/")))
		authority.len--;
	for (size_t i = 0; i < authority.len; i++)
		if (strchr("/?#@", authority.p[i]) != NULL)
			return ORIGIN_HAS_MORE;
	if (starred)
		authority = str_skip(authority, strlen("*."));
	if (str_has(authority, '*'))
		return ORIGIN_STAR;
	buf_str(&url, (struct str){.p = text.p, .len = scheme_len});
	buf_str(&url, authority);
	if (!buf_ok(&url) || !uri_origin(&origin, buf_view(&url)))
		return ORIGIN_HOST;
	host = str_skip(buf_view(&origin), scheme_len);
	if (starred && !is_domain(host))
		return ORIGIN_HOST;
	buf_str(out, (struct str){.p = origin.p, .len = scheme_len});
	buf_str(out, starred ? STR("*.") : STR(""));
	buf_str(out, host);
	return buf_ok(out) ? ORIGIN_OK : ORIGIN_HOST;
}

/* Not an address, which has no subdomains: the last label begins with a letter (RFC 1123). */
static bool
is_domain(struct str host)
{
	size_t last = 0;

	for (size_t i = 0; i < host.len && host.p[i] != ':'; i++)
		if (host.p[i] == '.')
			last = i + 1;
	return host.p[0] != '.' && last < host.len && host.p[last] >= 'a' && host.p[last] <= 'z';
}

static bool
is_web(size_t *scheme_len, struct str url)
{
	static const struct str schemes[] = {
	    {.p = "http://", .len = 7}, {.p = "https://", .len = 8}};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		*scheme_len = schemes[i].len;
		if (url.len >= *scheme_len &&
		    str_equal_nocase((struct str){.p = url.p, .len = *scheme_len}, schemes[i]))
			return true;
	}
	return false;
}
