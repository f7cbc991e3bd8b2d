/* Addresses, ranges of them (RFC 4291, RFC 4632) and lists of hops; see client_ip.h. */
#include "http/client_ip.h"

#include <arpa/inet.h>

#include "http/octets.h"

enum { PORT_CHARS_MAX = 5, NETWORK_BYTES = 8 /* of IPv6 */ };

struct address {
	unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
};

static struct str last_hop_take(struct str *list);
static bool read_forwarded(struct str *node, struct str hop);
static bool read_pair(struct str *name, struct str *value, struct str *rest);
static bool unquote(struct str *value);
static bool read_node(struct address *out, struct str node);
static bool is_port(struct str text);
static bool read_address(struct address *out, struct str text);
static bool read_range(struct address *base, int *bits, struct str text);
static void write_address(char out[static CLIENT_IP_BYTES], const struct address *a);
static bool is_trusted(const struct address *a, const struct config_list *trusted);

void
client_ip(char out[static CLIENT_IP_BYTES], const char *peer, struct hops hops,
    const struct config_list *trusted)
{
	struct address current, hop;
	bool known = read_address(&current, str_from(peer));

	while (hops.list.len > 0 && (!known || is_trusted(&current, trusted))) {
		struct str node = last_hop_take(&hops.list);

		if (hops.header == HOPS_FORWARDED && !read_forwarded(&node, node))
			break;
		if (!read_node(&hop, node))
			break;
		current = hop;
		known = true;
	}
	out[0] = '\0';
	if (known)
		write_address(out, &current);
}

/* Reads from the right: a quote that a client left open must not swallow the hops that proxies
 * added behind it. */
static struct str
last_hop_take(struct str *list)
{
	size_t from = list->len;
	bool quoted = false;
	struct str hop;

	while (from > 0 && (quoted || list->p[from - 1] != ',')) {
		from--;
		quoted = quoted != (list->p[from] == '"');
	}
	hop = octets_trim(str_skip(*list, from));
	list->len = from > 0 ? from - 1 : 0;
	return hop;
}

/* The node of one forwarded-element, by its parameter "for" (RFC 7239 section 4, section 5.2). */
static bool
read_forwarded(struct str *node, struct str hop)
{
	struct str rest = hop, name, value;
	bool found = false;

	while (rest.len > 0) {
		if (!read_pair(&name, &value, &rest))
			return false;
		if (!str_equal_nocase(name, STR("for")))
			continue;
		if (found) /* "MUST NOT occur more than once" */
			return false;
		found = true;
		*node = value;
	}
	return found;
}

/* Takes name=value off *rest, at a semicolon that is not quoted. */
static bool
read_pair(struct str *name, struct str *value, struct str *rest)
{
	struct str pair = *rest;
	bool quoted = false;
	size_t end = 0;

	while (end < rest->len && (quoted || rest->p[end] != ';'))
		quoted = quoted != (rest->p[end++] == '"');
	pair.len = end;
	*rest = str_skip(*rest, end < rest->len ? end + 1 : end);
	pair = octets_trim(pair);
	if (quoted || !str_cut(name, value, pair, '='))
		return false;
	return unquote(value);
}

/* A node has no character that needs a quoted-pair, so that a backslash is refused. */
static bool
unquote(struct str *value)
{
	if (memchr(value->p, '\\', value->len) != NULL)
		return false;
	if (!str_starts(*value, STR("\"")))
		return memchr(value->p, '"', value->len) == NULL;
	if (value->len < 2 || !str_ends(*value, STR("\"")))
		return false;
	*value = (struct str){.p = value->p + 1, .len = value->len - 2};
	return memchr(value->p, '"', value->len) == NULL;
}

/* node = nodename [ ":" node-port ] (RFC 7239 section 6). X-Forwarded-For has no standard; proxies
 * write the same, and IPv6 without brackets where they add no port. */
static bool
read_node(struct address *out, struct str node)
{
	struct str name, port;

	if (str_starts(node, STR("["))) {
		if (!str_cut(&name, &port, str_skip(node, 1), ']') ||
		    memchr(name.p, ':', name.len) == NULL)
			return false;
		if (port.len > 0 && (port.p[0] != ':' || !is_port(str_skip(port, 1))))
			return false;
		return read_address(out, name);
	}
	if (str_cut(&name, &port, node, ':') && memchr(name.p, '.', name.len) != NULL &&
	    is_port(port))
		return read_address(out, name);
	return read_address(out, node);
}

/* node-port = 1*5DIGIT / "_" 1*(ALPHA / DIGIT / "." / "_" / "-") */
static bool
is_port(struct str text)
{
	bool obfuscated = str_starts(text, STR("_"));

	if (text.len < (obfuscated ? 2U : 1U) || (!obfuscated && text.len > PORT_CHARS_MAX))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = str_lower(text.p[i]);
		bool digit = c >= '0' && c <= '9';

		if (!digit &&
		    !(obfuscated && ((c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '-')))
			return false;
	}
	return true;
}

void
client_ip_network(char out[static CLIENT_IP_BYTES], const char *ip)
{
	struct address a;

	snprintf(out, CLIENT_IP_BYTES, "%s", ip);
	if (strchr(ip, ':') == NULL || !read_address(&a, str_from(ip)))
		return;
	memset(a.bytes + NETWORK_BYTES, 0, sizeof(a.bytes) - NETWORK_BYTES);
	write_address(out, &a);
}

bool
client_ip_is_range(struct str text)
{
	struct address base;
	int bits;

	return read_range(&base, &bits, text);
}

static bool
is_trusted(const struct address *a, const struct config_list *trusted)
{
	for (size_t i = 0; i < trusted->count; i++) {
		struct address base;
		int bits, same = 0;

		if (!read_range(&base, &bits, trusted->items[i]))
			continue;
		while (same < bits &&
		       ((a->bytes[same / 8] ^ base.bytes[same / 8]) >> (7 - same % 8) & 1) == 0)
			same++;
		if (same == bits)
			return true;
	}
	return false;
}

static bool
read_range(struct address *base, int *bits, struct str text)
{
	struct str address, length;
	bool is_v6 = memchr(text.p, ':', text.len) != NULL;
	int most = is_v6 ? 128 : 32, given = 0;

	*bits = 128;
	if (!str_cut(&address, &length, text, '/'))
		return read_address(base, address);
	if (length.len == 0 || length.len > 3 || !read_address(base, address))
		return false;
	for (size_t i = 0; i < length.len; i++) {
		if (length.p[i] < '0' || length.p[i] > '9')
			return false;
		given = given * 10 + (length.p[i] - '0');
	}
	*bits = 128 - most + given;
	return given <= most;
}

static bool
read_address(struct address *out, struct str text)
{
	char copy[CLIENT_IP_BYTES];
	struct in_addr v4;

	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.p, '\0', text.len) != NULL)
		return false;
	memcpy(copy, text.p, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET6, copy, out->bytes) == 1)
		return true;
	if (inet_pton(AF_INET, copy, &v4) != 1)
		return false;
	memset(out->bytes, 0, 10);
	memset(out->bytes + 10, 0xff, 2);
	memcpy(out->bytes + 12, &v4, 4);
	return true;
}

static void
write_address(char out[static CLIENT_IP_BYTES], const struct address *a)
{
	static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	bool is_v4 = memcmp(a->bytes, mapped, sizeof(mapped)) == 0;

	(void)inet_ntop(
	    is_v4 ? AF_INET : AF_INET6, is_v4 ? a->bytes + 12 : a->bytes, out, CLIENT_IP_BYTES);
}
