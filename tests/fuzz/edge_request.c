/* Requests without Kore (edge_request.h). */
#include "edge_request.h"

#include <sodium.h>

#include "config.h"
#include "http/private.h"
#include "keys/signing.h"

void
edge_start(void)
{
	static bool started;

	if (started)
		return;
	REQUIRE(sodium_init() >= 0);
	clearenv();
	setenv("BASE_URL", "https://auth.mana.test", 1);
	setenv("CORS_ORIGINS", "https://mana.test,http://localhost:5173", 1);
	setenv("BETTER_AUTH_TRUSTED_ORIGINS", "https://*.mana.test", 1);
	setenv("BETTER_AUTH_SECRET", "a secret that nobody knows", 1);
	REQUIRE(config_read(stderr));
	signing_start();
	started = true;
}

struct request *
edge_request(const struct route *route)
{
	struct request *r = request_new();

	r->route = route;
	r->method = route->method;
	r->path = str_from(route->path);
	return r;
}

void
edge_request_end(struct request *r)
{
	request_release(r);
}

void
edge_header(struct request *r, const char *name, struct str value)
{
	struct request_private *p = r->private;
	struct header *headers;

	for (size_t i = 0; i < value.len; i++)
		if (((unsigned char)value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f)
			value.len = i;
	headers = arena_alloc(&r->arena, sizeof(*headers) * (size_t)(p->headers_count + 1));
	if (p->headers_count > 0)
		memcpy(headers, p->headers, sizeof(*headers) * (size_t)p->headers_count);
	headers[p->headers_count++] =
	    (struct header){.name = str_from(name), .value = arena_copy(&r->arena, value)};
	p->headers = headers;
}

int
edge_status(const struct request *r)
{
	return r->private->response.status;
}

bool
edge_is_broken(const struct request *r)
{
	return r->private->response.broken;
}

struct str
edge_answer_header(const struct request *r, const char *name)
{
	const struct response *response = &r->private->response;

	for (int i = 0; i < response->headers_count; i++)
		if (str_equal(response->headers[i].name, str_from(name)))
			return response->headers[i].value;
	return STR_NONE;
}

bool
edge_answer_is_json(const struct request *r)
{
	return str_equal(str_from(r->private->response.content_type), STR("application/json"));
}

struct str
edge_answer_body(const struct request *r)
{
	return r->private->response.body;
}

struct str
edge_line(struct str *rest)
{
	struct str line, behind;

	(void)str_cut(&line, &behind, *rest, '\n');
	*rest = behind;
	return line.p != NULL ? line : STR("");
}
