/*
 * Whose request it is: the rightmost hop of X-Forwarded-For that is no trusted proxy, else the peer
 * of the socket. What stands left of it was written by somebody we do not trust.
 */
#ifndef MANA_CLIENT_IP_H
#define MANA_CLIENT_IP_H

#include "config.h"

enum { CLIENT_IP_BYTES = 46 }; /* INET6_ADDRSTRLEN */

/* Writes the address in its canonical form; peer is one ("" when unknown, as with a unix socket,
 * which is trusted). */
void client_ip(char out[static CLIENT_IP_BYTES], const char *peer, struct str forwarded_for,
    const struct config_list *trusted);
/* Whether text is address/bits or an address. */
bool client_ip_is_range(struct str text) MUST_USE;

#endif
