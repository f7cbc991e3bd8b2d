/* Liveness and readiness. */
#include "config.h"
#include "features/health.h"

#include <time.h>

#include "db/db.h"
#include "http/reply.h"
#include "keys/signing.h"

enum { BODY_BYTES = 160, TIME_BYTES = 40 };

static void iso_now(char out[static TIME_BYTES]);

enum step
health(struct request *r)
{
	struct buf body = arena_buf(&r->arena, BODY_BYTES);
	char now[TIME_BYTES];

	iso_now(now);
	buf_str(&body, STR("{\"status\":\"ok\",\"service\":\"mana-auth\",\"timestamp\":"));
	buf_json_str(&body, str_from(now));
	buf_char(&body, '}');
	return reply_json(r, 200, buf_view(&body));
}

enum step
health_ready(struct request *r)
{
	if (!db_ready())
		return reply_json(
		    r, 503, STR("{\"status\":\"unavailable\",\"reason\":\"database\"}"));
	if (config.mail_sender != MAIL_ONLY && !signing_ready())
		return reply_json(
		    r, 503, STR("{\"status\":\"unavailable\",\"reason\":\"signing keys\"}"));
	return reply_json(r, 200, STR("{\"status\":\"ready\"}"));
}

/* As JavaScript's toISOString. */
static void
iso_now(char out[static TIME_BYTES])
{
	struct timespec now;
	struct tm utc;
	size_t length;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	length = strftime(out, TIME_BYTES, "%Y-%m-%dT%H:%M:%S.", &utc);
	for (long unit = 100, ms = now.tv_nsec / 1000000; unit > 0; unit /= 10)
		out[length++] = (char)('0' + ms / unit % 10);
	out[length++] = 'Z';
	out[length] = '\0';
}
