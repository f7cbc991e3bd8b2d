/*
 * Pages from templates. The style is inlined and allowed by its hash, so that the policy can forbid
 * everything else.
 */
#include "pages/page.h"

#include "base64.h"
#include "digest.h"
#include "embed.h"
#include "http/locale.h"
#include "http/reply.h"
#include "template.h"
#include "uri.h"

enum { PAGE_BYTES_MAX = 32 * 1024, POLICY_BYTES_MAX = 1024 };

EMBED(confirm_html, "pages/confirm.html");
EMBED(page_css, "pages/page.css");

static void policy_write(struct buf *out, struct str style, struct str callback_url);

bool
page_is_wanted(const struct request *r)
{
	struct str rest = request_header(r, STR("accept"));
	struct str range;

	while (rest.len > 0) {
		(void)str_cut(&range, &rest, rest, ','); /* the last one ends the list */
		while (str_starts(range, STR(" ")))
			range = str_skip(range, 1);
		if (str_starts(range, STR("text/html")))
			return true;
	}
	return false;
}

enum step
page_confirm_show(struct request *r, const struct page_confirm *page)
{
	struct str language = locale_of(r);
	const struct page_words *words =
	    str_equal(language, STR("en")) ? &page->english : &page->german;
	struct str style = embedded_text((struct embedded)EMBEDDED(page_css));
	struct str callback_url = page->callback_url.p != NULL ? page->callback_url : STR("/");
	const struct template_value values[] = {
	    {.name = "language", .value = language},
	    {.name = "title", .value = words->title},
	    {.name = "text", .value = words->text},
	    {.name = "button", .value = words->button},
	    {.name = "action", .value = page->action},
	    {.name = "token", .value = page->token},
	    {.name = "callbackURL", .value = callback_url},
	    {.name = "style", .value = style, .is_markup = true},
	};
	struct buf html = arena_buf(&r->arena, PAGE_BYTES_MAX);
	struct buf policy = arena_buf(&r->arena, POLICY_BYTES_MAX);
	struct str missing;

	policy_write(&policy, style, callback_url);
	if (!template_render(&html, &missing,
		embedded_text((struct embedded)EMBEDDED(confirm_html)), TEMPLATE_HTML, values,
		sizeof(values) / sizeof(values[0])))
		return reply_error(r, ERR_INTERNAL);
	reply_header(r, "Referrer-Policy", STR("no-referrer"));
	return reply_html(r, 200, buf_view(&html), buf_view(&policy));
}

/* Browsers apply form-action to the redirect behind the form, too: its origin has to be in. */
static void
policy_write(struct buf *out, struct str style, struct str callback_url)
{
	char memory[POLICY_BYTES_MAX];
	struct buf origin = BUF_ON(memory);
	struct digest digest;

	digest_sha256(&digest, style);
	buf_str(out, STR("default-src 'none'; style-src 'sha256-"));
	base64_encode(out, digest.bytes, sizeof(digest.bytes));
	buf_str(out, STR("'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"));
	if (uri_origin(&origin, callback_url) && buf_ok(&origin)) {
		buf_char(out, ' ');
		buf_str(out, buf_view(&origin));
	}
}
