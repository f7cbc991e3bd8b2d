/*
 * What a request passes before its handler runs. A gate lets it pass (true), or has answered it.
 */
#ifndef MANA_GATES_H
#define MANA_GATES_H

#include "http/request.h"

/* Who may make a browser change something here. */
bool gate_same_origin(struct request *r) MUST_USE;
/* Credentials as the route asks for them. */
bool gate_authenticate(struct request *r) MUST_USE;
/* Content type, body or query by the schema, captures, redirect targets. */
bool gate_input(struct request *r) MUST_USE;

/* Whether a token is a current access JWT of ours; its user and session become the caller's, its
 * claims, as JSON, go to *claims. Whether the session lives is for the database to say. */
bool bearer_read(struct request *r, struct str token, struct str *claims);
/* Whether the GET of a link in a mail does what the link says. Otherwise the answer is the page
 * whose button does it (page_confirm_show): the GET is a navigation, a prefetch, a HEAD, of another
 * site, or of a client that says nothing of itself while MAIL_LINK_GET=button. */
bool mail_link_acts(const struct request *r) MUST_USE;
/* Whether the client does not show the answer to anybody: HEAD, a prefetch, or an image, script and
 * the like in a page (Sec-Fetch-Dest). Such a GET must not change anything. */
bool request_is_subresource(const struct request *r) MUST_USE;
/* Whether a browser shows the answer to a person: it says that it navigates or, if it says nothing
 * of that, that it takes HTML. */
bool request_is_navigation(const struct request *r) MUST_USE;
/* Whether an origin may act here. */
bool origin_is_trusted(struct str origin) MUST_USE;
/* Whether a client may be redirected there: a safe path, or a URL of a trusted origin. */
bool target_is_trusted(struct str url) MUST_USE;

#endif
