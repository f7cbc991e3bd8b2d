/*
 * Signing in by a link in a mail.
 */
#ifndef MANA_MAGIC_LINK_H
#define MANA_MAGIC_LINK_H

#include "routes.h"

extern const struct schema magic_link_schema, magic_link_verify_schema;

/* POST /api/auth/sign-in/magic-link: sends the mail, to whatever address. */
enum step magic_link_send(struct request *r);
/* GET /api/auth/magic-link/verify: a browser gets a page with a button, everybody else what POST
 * does. */
enum step magic_link_open(struct request *r);
/* POST /api/auth/magic-link/verify: takes the token, signs in or up. */
enum step magic_link_verify(struct request *r);

#endif
