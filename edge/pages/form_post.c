/* See form_post.h. */
#include "pages/form_post.h"

#include "http/reply.h"
#include "pages/hosted.h"

enum { FIELD_ROOM = 128, HTML_EXPANSION = 6 };

EMBED(form_post_html, "pages/form_post.html");

static struct str hidden_fields(struct request *r, const struct form *answer);

enum step
form_post_show(struct request *r, const struct form *answer)
{
	struct str target = form_value(answer, STR("redirect_uri"));
	const struct template_value values[] = {
	    {.name = "target", .value = target},
	    {.name = "fields", .value = hidden_fields(r, answer), .is_markup = true},
	    hosted_script(r, "/form-post.js"),
	};

	/* The client may compare the Origin of the form with its issuer; with the policy of the
	 * other pages that would be null. */
	reply_header(r, "referrer-policy", STR("strict-origin"));
	return hosted_show(r, 200, (struct embedded)EMBEDDED(form_post_html),
	    hosted_word(r, WORD_form_post_title), target, values,
	    sizeof(values) / sizeof(values[0]));
}

/* Only what an answer consists of: RFC 6749, sections 4.1.2 and 4.1.2.1; RFC 9207. */
static struct str
hidden_fields(struct request *r, const struct form *answer)
{
	static const char *const names[] = {"code", "error", "error_description", "state", "iss"};
	struct str missing;
	struct buf out;
	size_t size = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		size += FIELD_ROOM + HTML_EXPANSION * form_value(answer, str_from(names[i])).len;
	out = arena_buf(&r->arena, size);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct template_value values[] = {
		    {.name = "name", .value = str_from(names[i])},
		    {.name = "value", .value = form_value(answer, str_from(names[i]))},
		};

		if (values[1].value.p != NULL)
			out.overflow |= !template_render(&out, &missing,
			    STR("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">\n"),
			    TEMPLATE_HTML, values, 2);
	}
	return buf_view(&out);
}
