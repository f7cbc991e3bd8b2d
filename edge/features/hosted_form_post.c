/* The answer for a client that a script is sent to (hosted.h), and the script that posts it. */
#include "embed.h"
#include "features/hosted.h"
#include "gates/page_query.h"
#include "http/reply.h"
#include "pages/form_post.h"

EMBED(form_post_js, "pages/form_post.js");

enum step
hosted_form_post(struct request *r)
{
	/* the signed query of another page has no iss */
	if (page_query_value(r->waiting, STR("iss")).p == NULL)
		return hosted_failed(r);
	return form_post_show(r, &r->waiting->form);
}

enum step
hosted_form_post_script(struct request *r)
{
	reply_header(r, "cache-control", STR("public, max-age=300"));
	return reply_script(r, embedded_text((struct embedded)EMBEDDED(form_post_js)));
}
