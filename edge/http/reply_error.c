/* Errors as answers: status, shape of the route, Retry-After. */
#include "http/error_body.h"
#include "http/private.h"
#include "http/reply.h"
#include "pages/refusal.h"

enum { ERROR_BYTES = 512 };

enum step
reply_error(struct request *r, enum error e)
{
	return reply_refusal(r, e, STR_NONE, 0);
}

enum step
reply_refusal(struct request *r, enum error e, struct str message, int retry_after_seconds)
{
	return reply_refusal_detailed(r, e, message, retry_after_seconds, STR_NONE);
}

enum step
reply_refusal_detailed(struct request *r, enum error e, struct str message, int retry_after_seconds,
    struct str details)
{
	const struct error_info *info = error_info(e);
	enum error_shape shape = r->route != NULL ? r->route->errors : ERRORS_PLAIN;
	struct str text = message.p != NULL ? message : info->message;
	struct buf body;

	if (r->private->background != NULL)
		return STEP_DONE;
	if (e == ERR_UNAUTHORIZED && r->route != NULL && (r->route->flags & ROUTE_BARE_401))
		return reply_empty(r, info->status);
	if (retry_after_seconds > 0) {
		char memory[16];
		struct buf seconds = BUF_ON(memory);

		buf_int(&seconds, retry_after_seconds);
		reply_header(r, "retry-after", buf_view(&seconds));
		if (e == ERR_RATE_LIMITED && shape == ERRORS_BETTER_AUTH)
			reply_header(r, "x-retry-after", buf_view(&seconds));
	}
	if (r->form != NULL) {
		const struct form_page *form = r->form;

		r->form = NULL; /* a page that cannot be made is an error like any other */
		return form->refused(r, e, retry_after_seconds);
	}
	if (refusal_is_shown(r))
		return refusal_show(r, e, message);
	/* Better Auth's limiter answers below its JSON layer: another content type and no code. */
	if (e == ERR_RATE_LIMITED && shape == ERRORS_BETTER_AUTH)
		return reply_text(r, info->status,
		    STR("{\"message\":\"Too many requests. Please try again later.\"}"));
	body = arena_buf(&r->arena, ERROR_BYTES + 6 * text.len + details.len);
	error_body(&body, shape, info, text, retry_after_seconds, details);
	if (shape == ERRORS_PLAIN)
		return reply_text(r, info->status, buf_view(&body));
	return reply_json(r, info->status, buf_view(&body));
}
