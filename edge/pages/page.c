/*
 * The page of a link in a mail, inside the layout of the hosted pages.
 */
#include "pages/page.h"

#include "http/locale.h"
#include "http/reply.h"
#include "pages/hosted.h"

EMBED(confirm_html, "pages/confirm.html");

enum step
page_confirm_show(struct request *r, const struct page_confirm *page)
{
	const struct page_words *said =
	    str_equal(locale_of(r), STR("en")) ? &page->english : &page->german;
	struct str callback_url = page->callback_url.p != NULL ? page->callback_url : STR("/");
	struct str new_user_url = page->new_user_url.p != NULL ? page->new_user_url : callback_url;
	struct str error_url = page->error_url.p != NULL ? page->error_url : callback_url;
	const struct template_value values[] = {
	    {.name = "title", .value = said->title},
	    {.name = "text", .value = said->text},
	    {.name = "button", .value = said->button},
	    {.name = "action", .value = page->action},
	    {.name = "token", .value = page->token},
	    {.name = "callbackURL", .value = callback_url},
	    {.name = "newUserCallbackURL", .value = new_user_url},
	    {.name = "errorCallbackURL", .value = error_url},
	};

	return hosted_show(r, 200, (struct embedded)EMBEDDED(confirm_html), said->title,
	    callback_url, values, sizeof(values) / sizeof(values[0]));
}
