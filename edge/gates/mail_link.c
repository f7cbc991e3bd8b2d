/*
 * Whether the GET of a link in a mail acts, or shows the page whose button acts. Mail scanners,
 * browsers that prefetch and pages of other sites open links before their readers do, so a GET acts
 * only where a program asks for it. Sources: RFC 9110 section 9.2.1 (safe methods), Fetch Metadata
 * Request Headers (W3C), RFC 8941.
 *
 * Browsers send Sec-Fetch-* since 2019 to 2023, and to https only. Without them a page of any site
 * can look like a program: Accept is its to choose, it can suppress Referer, and a fetch without
 * CORS has no Origin. What is left then says browser (Cookie, a User-Agent that begins with
 * Mozilla), or proves the origin of a script (Origin, Referer).
 */
#include "config.h"
#include "gates/gates.h"
#include "origin.h"

enum { ORIGIN_BYTES = 512 };

static bool is_prefetch(const struct request *r);
static bool names(struct str list, struct str word);
static bool accepts(const struct request *r, struct str type);
static bool is_from_trusted_origin(const struct request *r);
static bool has(const struct request *r, struct str header);
static bool may_be_browser(const struct request *r);

bool
request_is_subresource(const struct request *r)
{
	static const struct str opened[] = {{.p = "document", .len = 8}, {.p = "empty", .len = 5},
	    {.p = "iframe", .len = 6}, {.p = "frame", .len = 5}};
	struct str dest = request_header(r, STR("sec-fetch-dest"));
	bool is_opened = dest.p == NULL;

	for (size_t i = 0; i < sizeof(opened) / sizeof(opened[0]); i++)
		is_opened = is_opened || str_equal(dest, opened[i]);
	return r->is_head || is_prefetch(r) || !is_opened;
}

bool
request_is_navigation(const struct request *r)
{
	struct str mode = request_header(r, STR("sec-fetch-mode"));

	return mode.p != NULL ? str_equal(mode, STR("navigate")) : accepts(r, STR("text/html"));
}

bool
mail_link_acts(const struct request *r)
{
	struct str dest = request_header(r, STR("sec-fetch-dest")),
		   mode = request_header(r, STR("sec-fetch-mode")),
		   site = request_header(r, STR("sec-fetch-site"));
	bool is_trusted = is_from_trusted_origin(r);

	if (r->is_head || is_prefetch(r) || str_equal(mode, STR("navigate")))
		return false;
	if (dest.p != NULL)
		return str_equal(dest, STR("empty")) && is_trusted;
	if (!is_trusted && (str_equal(site, STR("cross-site")) || may_be_browser(r)))
		return false;
	if (accepts(r, STR("text/html"))) /* a browser without Sec-Fetch-* */
		return false;
	return accepts(r, STR("application/json")) || config.mail_link_acts;
}

/* Browsers say Sec-Purpose; Purpose and X-Moz are its older names. */
static bool
is_prefetch(const struct request *r)
{
	static const struct str headers[] = {{.p = "sec-purpose", .len = 11},
	    {.p = "purpose", .len = 7}, {.p = "x-purpose", .len = 9}, {.p = "x-moz", .len = 5}};

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (names(request_header(r, headers[i]), STR("prefetch")) ||
		    names(request_header(r, headers[i]), STR("preview")))
			return true;
	return false;
}

/* Whether a list names a word, whatever its parameters: "prefetch;prerender". */
static bool
names(struct str list, struct str word)
{
	struct str item, rest = list, parameters;

	while (rest.len > 0) {
		(void)str_cut(&item, &rest, rest, ','); /* the last one ends the list */
		(void)str_cut(&item, &parameters, item, ';');
		while (item.len > 0 && (item.p[0] == ' ' || item.p[0] == '\t'))
			item = str_skip(item, 1);
		while (
		    item.len > 0 && (item.p[item.len - 1] == ' ' || item.p[item.len - 1] == '\t'))
			item.len--;
		if (str_equal_nocase(item, word))
			return true;
	}
	return false;
}

static bool
accepts(const struct request *r, struct str type)
{
	return names(request_header(r, STR("accept")), type);
}

/* A browser sends no Origin with a GET to the page's own origin: it says so in Sec-Fetch-Site, or
 * an older one in Referer, which no page can forge. */
static bool
is_from_trusted_origin(const struct request *r)
{
	static const struct str own = {.p = "same-origin", .len = 11};
	char memory[ORIGIN_BYTES];
	struct buf origin = BUF_ON(memory);
	struct str site = request_header(r, STR("sec-fetch-site")), from = STR("origin");

	if (!has(r, from) && site.p != NULL)
		return str_equal(site, own);
	if (!has(r, from))
		from = STR("referer");
	return origin_of(&origin, request_header(r, from)) && origin_is_trusted(buf_view(&origin));
}

static bool
has(const struct request *r, struct str header)
{
	return request_header(r, header).p != NULL;
}

/* With MAIL_LINK_GET=act the operator has clients that send cookies and say nothing else. */
static bool
may_be_browser(const struct request *r)
{
	return has(r, STR("origin")) || has(r, STR("referer")) ||
	       (has(r, STR("cookie")) && !config.mail_link_acts) ||
	       str_starts(request_header(r, STR("user-agent")), STR("Mozilla/"));
}
