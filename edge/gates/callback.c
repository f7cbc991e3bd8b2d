/*
 * Callback URLs (callbackURL, redirectTo, errorCallbackURL ...), as Better Auth checks them: a
 * relative path that no browser reads as another host, or an origin that we trust.
 */
#include "gates/callback.h"

#include "config.h"
#include "uri.h"

enum { ORIGIN_BYTES = 300 };

bool
callback_is_trusted(struct str url)
{
	char memory[ORIGIN_BYTES];
	struct buf origin = BUF_ON(memory);

	if (url.p == NULL || uri_path_safe(url))
		return true;
	return uri_origin(&origin, url) && buf_ok(&origin) && origin_is_trusted(buf_view(&origin));
}

bool
origin_is_trusted(struct str origin)
{
	for (size_t i = 0; i < config.trusted_origins.count; i++)
		if (uri_origin_matches(origin, config.trusted_origins.items[i]))
			return true;
	return false;
}
