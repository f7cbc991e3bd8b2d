/*
 * Classes of octets in HTTP messages (RFC 9110 section 5.6.2, RFC 9110 section 5.5), and blanks
 * around values.
 */
#ifndef MANA_OCTETS_H
#define MANA_OCTETS_H

#include "str.h"

/* One octet of a token: of a method or a field name. */
bool octet_is_token(char c);
/* One octet of a field value: HTAB, SP, VCHAR or obs-text. */
bool octet_is_value(char c);
/* 1*tchar. */
bool octets_are_token(struct str text);
/* *( HTAB / SP / VCHAR / obs-text ). */
bool octets_are_value(struct str text);
/* Without SP and HTAB at both ends (OWS, RFC 9110 section 5.6.3). */
struct str octets_trim(struct str text);
/* Whether a comma-separated list (RFC 9110 section 5.6.1) has a member, without regard to case. */
bool octets_list_has(struct str list, struct str member);

#endif
