/*
 * A look at CBOR (RFC 8949) of strangers before it is loaded. libcbor makes room for as many items
 * as an array announces and fills it: nine bytes cost a gigabyte. So its streaming decoder, which
 * takes no memory, goes over the bytes first.
 */
#ifndef MANA_CBOR_CHECK_H
#define MANA_CBOR_CHECK_H

#include "str.h"

/* Whether no item announces more than the bytes behind it can hold; cbor_load then says whether
 * they do. Refuses what CTAP2's canonical form does (lengths that are not said, tags), and
 * more collections than any attestation has. */
bool cbor_is_modest(struct str bytes) MUST_USE;

#endif
