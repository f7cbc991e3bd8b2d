/*
 * In which language to write to a client.
 */
#ifndef MANA_LOCALE_H
#define MANA_LOCALE_H

#include "http/request.h"

/* "de" or "en": the first that ui_locales of a waiting authorization request names, else the one
 * that Accept-Language prefers, else FALLBACK_LANGUAGE. Static memory. */
struct str locale_of(const struct request *r);

#endif
