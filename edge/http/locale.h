/*
 * In which language to write to a client.
 */
#ifndef MANA_LOCALE_H
#define MANA_LOCALE_H

#include "http/request.h"

/* "en" if Accept-Language names English before German, else "de". Static memory. */
struct str locale_of(const struct request *r);

#endif
