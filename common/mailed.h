/*
 * How long texts may be that go into mails. The body schemas of the edge and the extension both
 * apply these bounds, so every request that is accepted makes a mail that can be written and a link
 * that can be opened.
 */
#ifndef MANA_MAILED_H
#define MANA_MAILED_H

#include "str.h"

enum {
	/* Bytes of all URLs of one link together, percent-encoded. With the rest of the longest
	 * link (mail/kinds.def) they fit the request target that the edge reads
	 * (HEAD_TARGET_MAX). */
	MAILED_URLS_MAX = 1800,
	MAILED_NAME_MAX = 255 /* UTF-16 units, as JavaScript counts */
};

/* Bytes of a URL when it is a parameter of another one (encodeURIComponent). */
size_t mailed_url_bytes(struct str url) MUST_USE;
/* Length as JavaScript counts: two for a character outside the basic plane. */
size_t mailed_units(struct str text) MUST_USE;

#endif
