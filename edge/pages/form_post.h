/*
 * The answer to an authorization request as a form that the browser posts to the client (OAuth 2.0
 * Form Post Response Mode). Without scripts a person presses its button.
 */
#ifndef MANA_FORM_POST_H
#define MANA_FORM_POST_H

#include "form.h"
#include "http/request.h"

/* Answers with the page. `answer`: redirect_uri, which has been proved, and the parameters. */
enum step form_post_show(struct request *r, const struct form *answer);

#endif
