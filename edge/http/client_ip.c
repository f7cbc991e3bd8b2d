/* Addresses and ranges of them (RFC 4291, RFC 4632); see client_ip.h. */
#include "http/client_ip.h"

#include <arpa/inet.h>

struct address {
	unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
};

static bool read_address(struct address *out, struct str text);
static bool read_range(struct address *base, int *bits, struct str text);
static void write_address(char out[static CLIENT_IP_BYTES], const struct address *a);
static bool is_trusted(const struct address *a, const struct config_list *trusted);
static struct str trim(struct str s);

void
client_ip(char out[static CLIENT_IP_BYTES], const char *peer, struct str forwarded_for,
    const struct config_list *trusted)
{
	struct address current, hop;
	bool known = read_address(&current, str_from(peer));

	while (forwarded_for.len > 0 && (!known || is_trusted(&current, trusted))) {
		size_t from = forwarded_for.len;

		while (from > 0 && forwarded_for.p[from - 1] != ',')
			from--;
		if (!read_address(&hop, trim(str_skip(forwarded_for, from))))
			break;
		current = hop;
		known = true;
		forwarded_for.len = from > 0 ? from - 1 : 0;
	}
	out[0] = '\0';
	if (known)
		write_address(out, &current);
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

static struct str
trim(struct str s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = str_skip(s, 1);
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}
