/*
 * Where a request may ask to be sent afterwards: no open redirects.
 */
#ifndef MANA_CALLBACK_H
#define MANA_CALLBACK_H

#include "str.h"

/* Whether url is a safe relative path or an absolute URL of a trusted origin. STR_NONE: asks for
 * nothing, which is fine. */
bool callback_is_trusted(struct str url) MUST_USE;
/* Whether an origin is BASE_URL's, one of CORS_ORIGINS, or matches BETTER_AUTH_TRUSTED_ORIGINS. */
bool origin_is_trusted(struct str origin) MUST_USE;

#endif
