/*
 * An authorization request that waits for a sign-in or a consent. It is kept nowhere: it travels in
 * the query of a hosted page, signed, as Better Auth does it (`exp`, `ba_iat`, `ba_param`, `sig`),
 * and comes back as that page's query or as `oauth_query` in a form or a JSON body. `ba_param`
 * names the signed parameters, itself included; a page may add others, which nothing reads.
 */
#ifndef MANA_PAGE_QUERY_H
#define MANA_PAGE_QUERY_H

#include "form.h"
#include "http/request.h"

enum { PAGE_QUERY_BYTES_MAX = 9216 /* of a query that is read, with its signature */ };

struct page_query {
	struct form form; /* the signed parameters, decoded, each once; without ba_param */
	struct str text;  /* the signed parameters and the signature, for links and hidden fields */
};

/* The signed request in a query that was parsed. NULL if its signature is not ours, or if it
 * repeats a name other than ba_param. */
const struct page_query *page_query_of(struct request *r, const struct form *given);
/* The same of a text; a leading "?" is skipped. NULL also if it is malformed or too long. */
const struct page_query *page_query_read(struct request *r, struct str text);
/* The value of a signed parameter; STR_NONE if there is no request, or not this parameter. */
struct str page_query_value(const struct page_query *query, struct str name);
/* Appends "&sig=" and the signature of a query that is canonical, as SQL and form_append write it.
 */
void page_query_sign(struct buf *out, struct str query);

#endif
