/*
 * Whose request it is: the rightmost hop of X-Forwarded-For or Forwarded (RFC 7239) that is no
 * trusted proxy, else the peer of the socket. What stands left of it was written by somebody we do
 * not trust. Pure.
 */
#ifndef MANA_CLIENT_IP_H
#define MANA_CLIENT_IP_H

#include "config.h"

enum { CLIENT_IP_BYTES = 46 }; /* INET6_ADDRSTRLEN */

/* The header in which proxies record the hops of a request. */
enum hop_header { HOPS_X_FORWARDED_FOR, HOPS_FORWARDED };

/* All lines of the header, joined by commas (RFC 9110 section 5.3). */
struct hops {
	struct str list; /* STR_NONE: the request has no such header */
	enum hop_header header;
};

/* Writes the address in its canonical form, without a port; peer is one ("" when unknown, as with a
 * unix socket, which is trusted). A hop that names no address ("unknown", an obfuscated identifier,
 * anything else) ends the search: the client is then the proxy that added that hop. */
void client_ip(char out[static CLIENT_IP_BYTES], const char *peer, struct hops hops,
    const struct config_list *trusted);
/* Writes the network of an address: of IPv6 the /64 that one customer has. An address that is none
 * stays as it is. */
void client_ip_network(char out[static CLIENT_IP_BYTES], const char *ip);
/* Whether text is address/bits or an address. */
bool client_ip_is_range(struct str text) MUST_USE;

#endif
