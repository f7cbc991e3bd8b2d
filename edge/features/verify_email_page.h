/*
 * The page of a verification link in a browser that did not sign up: it asks for the password that
 * was chosen, or for a new one, and completes the sign-up with it.
 */
#ifndef MANA_VERIFY_EMAIL_PAGE_H
#define MANA_VERIFY_EMAIL_PAGE_H

#include "pages/hosted.h"
#include "routes.h"

struct verify_email_page {
	struct str token;
	struct str callback_url; /* STR_NONE: none; checked by the caller */
	enum word alert;         /* WORD_COUNT: none */
};

enum step
verify_email_page_show(struct request *r, int status, const struct verify_email_page *page);

/* POST /confirm-sign-up: the form of that page. */
extern const struct schema verify_email_page_schema;
enum step verify_email_page_sent(struct request *r);

#endif
