/*
 * The hosted pages and their forms. A form is answered by the handler of the API behind it, whose
 * outcome becomes a redirect or the page again (struct form_page).
 */
#ifndef MANA_FEATURE_HOSTED_H
#define MANA_FEATURE_HOSTED_H

#include "routes.h"

/* GET and POST /login */
enum step hosted_login(struct request *r);
enum step hosted_login_sent(struct request *r);
/* POST /login-link: a link by mail instead of a password. */
extern const struct schema hosted_link_schema;
enum step hosted_link_sent(struct request *r);
/* GET and POST /two-factor, and POST /two-factor/mail for a code by mail. */
enum step hosted_two_factor(struct request *r);
enum step hosted_two_factor_sent(struct request *r);
enum step hosted_two_factor_mail(struct request *r);
/* GET /passkey.js */
enum step hosted_passkey_script(struct request *r);
/* GET /form-post and /form-post.js */
enum step hosted_form_post(struct request *r);
enum step hosted_form_post_script(struct request *r);
/* GET and POST /sign-up */
enum step hosted_sign_up(struct request *r);
enum step hosted_sign_up_sent(struct request *r);
/* GET and POST /consent */
enum step hosted_consent(struct request *r);
enum step hosted_consent_sent(struct request *r);
/* GET and POST /forgot-password */
enum step hosted_forgot(struct request *r);
enum step hosted_forgot_sent(struct request *r);
/* GET and POST /reset-password */
enum step hosted_reset(struct request *r);
enum step hosted_reset_sent(struct request *r);
/* GET and POST /accept-invitation */
extern const struct schema hosted_invitation_schema;
enum step hosted_invitation(struct request *r);
enum step hosted_invitation_sent(struct request *r);
/* GET /: the default target of links in mails */
enum step hosted_start(struct request *r);
/* GET /sign-out, /signed-out, /signed-in, /api/auth/error */
enum step hosted_sign_out(struct request *r);
enum step hosted_signed_out(struct request *r);
enum step hosted_signed_in(struct request *r);
enum step hosted_failed(struct request *r);

/* For the pages themselves. The sign-in page of a consent whose session has ended. */
enum step hosted_login_again(struct request *r);
/* A granted form: on to where SQL says. */
enum step hosted_went_on(struct request *r);
/* On to the page of the second factor, for a sign-in that is asked for it. */
enum step hosted_two_factor_asked(struct request *r);
/* Where a sign-in without an authorization request leads: a place that is trusted; STR_NONE:
 * nowhere was named. */
struct str hosted_back(const struct request *r);
/* The same as a query, for the links between the pages; empty: nowhere. */
struct str hosted_link_query(struct request *r);
/* A value of the form that was posted, to show it again; STR_NONE: none. */
struct str hosted_form_value(const struct request *r, struct str name);
/* The redirect URI of the authorization request that waits; STR_NONE if none does. */
struct str hosted_trusted_target(const struct request *r);

#endif
