/* Whose request it is: PEER, newline, TRUSTED_PROXIES, newline, "F" (Forwarded) or anything else
 * (X-Forwarded-For), newline, the header. The answer is an address in its canonical form, and
 * nothing that an untrusted hop wrote left of itself changes it. */
#include "fuzz.h"

#include <arpa/inet.h>

#include "edge_request.h"
#include "http/client_ip.h"

enum { PEER_BYTES = 64, HEADER_BYTES = 4200 };

static const struct str forged = {.p = "198.51.100.66", .len = 13};
static const struct str forged_hops[] = {
    [HOPS_X_FORWARDED_FOR] = {.p = "198.51.100.66", .len = 13},
    [HOPS_FORWARDED] = {.p = "for=198.51.100.66", .len = 17},
};

static bool
is_canonical(const char *address)
{
	unsigned char bytes[16];
	char again[CLIENT_IP_BYTES];
	int family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;

	return inet_pton(family, address, bytes) == 1 &&
	       inet_ntop(family, bytes, again, sizeof(again)) != NULL &&
	       strcmp(again, address) == 0;
}

static void
read_list(struct config_list *list, struct str text)
{
	bool more = true;

	list->count = 0;
	while (more && list->count < CONFIG_LIST_MAX) {
		struct str item;

		more = str_cut(&item, &text, text, ',');
		if (item.len > 0 && client_ip_is_range(item))
			list->items[list->count++] = item;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {(const char *)data, size}, peer_text = edge_line(&rest),
		   proxies = edge_line(&rest), form = edge_line(&rest);
	char peer[PEER_BYTES] = "", out[CLIENT_IP_BYTES], again[CLIENT_IP_BYTES],
	     memory[HEADER_BYTES];
	struct buf longer = BUF_ON(memory);
	struct config_list trusted;
	struct hops hops = {
	    rest, str_equal(form, STR("F")) ? HOPS_FORWARDED : HOPS_X_FORWARDED_FOR};
	const struct hops none = {.list = STR_NONE};

	if (peer_text.len >= sizeof(peer) || rest.p == NULL)
		return 0;
	memcpy(peer, peer_text.p, peer_text.len);
	read_list(&trusted, proxies);
	client_ip(out, peer, hops, &trusted);
	REQUIRE(out[0] == '\0' || is_canonical(out));
	if (out[0] == '\0')
		return 0;
	client_ip(again, out, none, &trusted);
	REQUIRE(strcmp(again, out) == 0);
	buf_str(&longer, forged_hops[hops.header]);
	buf_str(&longer, STR(", "));
	buf_str(&longer, rest);
	REQUIRE(buf_ok(&longer));
	client_ip(again, peer, (struct hops){buf_view(&longer), hops.header}, &trusted);
	if (strcmp(again, out) !=
	    0) { /* then every hop of the header is trusted, and so is the peer */
		REQUIRE(strcmp(again, forged.p) == 0);
		client_ip(
		    again, out, (struct hops){forged_hops[hops.header], hops.header}, &trusted);
		REQUIRE(strcmp(again, forged.p) == 0);
	}
	return 0;
}
