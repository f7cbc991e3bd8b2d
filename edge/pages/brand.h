/*
 * How the hosted pages look, by configuration: the style sheet with the colour of the brand, its
 * logo, the links below. Put together once; a page only points to it.
 */
#ifndef MANA_BRAND_H
#define MANA_BRAND_H

#include "buf.h"

struct brand {
	struct str style;      /* the style sheet */
	struct str style_hash; /* its SHA-256 in base64, for the Content-Security-Policy */
	struct str logo;       /* markup */
	struct str icon;       /* data: URI of the tab's icon */
};

const struct brand *brand(void);
/* Text on a ground of this colour (#rrggbb, checked): white or black, whichever is read more
 * easily. */
struct str brand_ink_on(struct str color);

#endif
