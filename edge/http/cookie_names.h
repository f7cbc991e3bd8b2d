/*
 * The cookies of the service, by name (cookies.def).
 */
#ifndef MANA_COOKIE_NAMES_H
#define MANA_COOKIE_NAMES_H

enum cookie {
#define COOKIE(name, text, prefix) COOKIE_##name,
#include "http/cookies.def"
#undef COOKIE
	COOKIE_COUNT /* also: no such cookie */
};

#endif
