/*
 * The small pages that the edge shows itself. No script, no foreign resource.
 */
#ifndef MANA_PAGE_H
#define MANA_PAGE_H

#include "http/request.h"

struct page_words {
	struct str title, text, button;
};

/* A page whose only button does what the link in a mail asks for: mail scanners open links and
 * press no buttons. */
struct page_confirm {
	struct page_words german, english;
	struct str action; /* path that the form is posted to, with token and URLs */
	struct str token;
	struct str callback_url; /* STR_NONE: none; checked by the caller */
	struct str new_user_url; /* STR_NONE: callback_url; only where a link signs up, too */
	struct str error_url;    /* STR_NONE: callback_url */
};

/* Answers with the page, in the language of the client. */
enum step page_confirm_show(struct request *r, const struct page_confirm *page);

#endif
