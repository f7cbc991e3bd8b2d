/* Percent coding, origins, and what may be redirected to (uri.h). */
#include "uri.h"

enum { PORT_HTTP = 80, PORT_HTTPS = 443, PORT_MAX = 65535, PORT_CHARS_MAX = 5 };

static bool port_read(int *number, struct str port);

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = str_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
uri_decode(struct buf *out, struct str text, enum uri_form form)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (c == '%') {
			int high = i + 2 < text.len ? hex_value(text.p[i + 1]) : -1;
			int low = i + 2 < text.len ? hex_value(text.p[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && form == URI_FORM) {
			c = ' ';
		}
		buf_char(out, c);
	}
	return buf_ok(out);
}

bool
uri_pair_next(struct str *name, struct str *value, struct str *rest)
{
	struct str pair = STR_NONE;

	while (rest->len > 0 && pair.len == 0) {
		struct str behind;

		(void)str_cut(&pair, &behind, *rest, '&');
		*rest = behind;
	}
	if (pair.len == 0)
		return false;
	if (!str_cut(name, value, pair, '='))
		*value = STR("");
	return true;
}

bool
uri_origin(struct buf *out, struct str url)
{
	bool secure = url.len >= 8 && str_equal_nocase((struct str){url.p, 8}, STR("https://"));
	bool plain = url.len >= 7 && str_equal_nocase((struct str){url.p, 7}, STR("http://"));
	struct str host, port = STR_NONE;
	size_t end = 0;
	int number;

	if (!secure && !plain)
		return false;
	for (size_t i = 0; i < url.len; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~' || url.p[i] == '\\')
			return false;
	host = str_skip(url, secure ? 8 : 7);
	while (end < host.len && strchr("/?#", host.p[end]) == NULL)
		end++;
	host.len = end;
	if (host.len == 0 || memchr(host.p, '@', host.len) != NULL)
		return false;
	if (host.p[0] == '[') { /* IPv6 (RFC 3986 §3.2.2) */
		const char *close = memchr(host.p, ']', host.len);
		size_t len = close ? (size_t)(close - host.p) + 1 : 0;

		if (len < 4 || (len < host.len && host.p[len] != ':'))
			return false;
		for (size_t i = 1; i + 1 < len; i++)
			if (hex_value(host.p[i]) < 0 && host.p[i] != ':' && host.p[i] != '.')
				return false;
		port = len < host.len ? str_skip(host, len + 1) : STR_NONE;
		host.len = len;
	} else {
		struct str whole = host;

		(void)str_cut(&host, &port, whole, ':');
		for (size_t i = 0; i < host.len; i++)
			if (!((str_lower(host.p[i]) >= 'a' && str_lower(host.p[i]) <= 'z') ||
				(host.p[i] >= '0' && host.p[i] <= '9') ||
				strchr("-._", host.p[i]) != NULL))
				return false;
	}
	if (host.len == 0 || !port_read(&number, port))
		return false;
	buf_str(out, secure ? STR("https://") : STR("http://"));
	for (size_t i = 0; i < host.len; i++)
		buf_char(out, str_lower(host.p[i]));
	if (number != 0 && number != (secure ? PORT_HTTPS : PORT_HTTP)) {
		buf_char(out, ':');
		buf_int(out, number);
	}
	return buf_ok(out);
}

/* 0: none. */
static bool
port_read(int *number, struct str port)
{
	*number = 0;
	if (port.len > PORT_CHARS_MAX)
		return false;
	for (size_t i = 0; i < port.len; i++) {
		if (port.p[i] < '0' || port.p[i] > '9')
			return false;
		*number = *number * 10 + (port.p[i] - '0');
	}
	return *number <= PORT_MAX && (*number > 0 || port.len == 0);
}

/* The two hex digits behind a percent sign: a byte that means nothing to whoever splits paths. */
static bool
escape_is_harmless(struct str digits)
{
	int high = digits.len >= 2 ? hex_value(digits.p[0]) : -1;
	int low = digits.len >= 2 ? hex_value(digits.p[1]) : -1;
	int byte = high * 16 + low;

	return high >= 0 && low >= 0 && byte >= ' ' && byte != '/' && byte != '\\' && byte != '.';
}

bool
uri_path_safe(struct str url)
{
	bool in_path = true;

	if (url.len == 0 || url.p[0] != '/')
		return false;
	for (size_t i = 0; i < url.len; i++) {
		char c = url.p[i], next = i + 1 < url.len ? url.p[i + 1] : '\0';

		if (c <= ' ' || c > '~' || c == '\\')
			return false;
		in_path = in_path && c != '?' && c != '#';
		/* "/..//evil" and "/%2f/evil" become "//evil" once a browser or proxy has
		 * normalised them */
		if (in_path && c == '/' && (next == '/' || next == '.'))
			return false;
		if (in_path && c == '%' && !escape_is_harmless(str_skip(url, i + 1)))
			return false;
	}
	return true;
}
