/* Basic authorization of clients. An even first byte: what follows is the header, and a client that
 * is read has an id that is text. An odd one: ID, newline, SECRET, encoded as RFC 6749 says, come
 * back. */
#include "fuzz.h"

#include "base64.h"
#include "edge_request.h"
#include "features/oidc_client_auth.h"
#include "form.h"
#include "utf8.h"

enum { PART_BYTES = 300, ENCODED_BYTES = 6 * PART_BYTES + 4, HEADER_BYTES = 4096 };

static const struct route route = {.method = METHOD_POST, .path = "/", .errors = ERRORS_OAUTH};
static bool reached;

static enum step
identified(struct request *r)
{
	reached = true;
	return STEP_DONE;
}

enum step __wrap_db_call_with(
    struct request *r, enum call call, step_fn *next, const struct db_arg *args, size_t count);

enum step
__wrap_db_call_with(
    struct request *r, enum call call, step_fn *next, const struct db_arg *args, size_t count)
{
	abort(); /* nobody is asked who a client with a secret is */
}

static struct request *
identify(struct str header)
{
	static const struct oidc_client_fields nothing = {.client_id = {.p = NULL}};
	struct request *r = edge_request(&route);

	reached = false;
	request_state(r, sizeof(struct oidc_client));
	edge_header(r, "authorization", header);
	REQUIRE(oidc_client_identify(r, &nothing, identified) == STEP_DONE);
	REQUIRE(reached || edge_status(r) == 401);
	return r;
}

static void
check_header(struct str header)
{
	struct request *r = identify(header);
	const struct oidc_client *c = r->state;

	if (reached) {
		REQUIRE(str_equal(c->method, STR("client_secret_basic")) && c->has_secret);
		REQUIRE(c->id.len > 0 && utf8_is_text(c->id) && c->jti.p == NULL);
	}
	edge_request_end(r);
}

/* Name and value of a form are encoded alike; ":" and "=" are, too, so they part nothing. */
static void
check_pair(struct str id, struct str secret)
{
	char pair_memory[ENCODED_BYTES], header_memory[HEADER_BYTES];
	struct buf pair = BUF_ON(pair_memory), header = BUF_ON(header_memory);
	struct str name, value;
	struct digest digest;
	struct request *r;

	form_append(&pair, id, secret);
	REQUIRE(buf_ok(&pair) && str_cut(&name, &value, buf_view(&pair), '='));
	pair_memory[name.len] = ':';
	buf_str(&header, STR("bAsIc "));
	base64_encode(&header, pair.p, pair.len);
	REQUIRE(buf_ok(&header));
	r = identify(buf_view(&header));
	REQUIRE(
	    reached == (id.len > 0 && utf8_is_text(id) && pair.len <= 1024) || !utf8_is_text(id));
	if (reached) {
		const struct oidc_client *c = r->state;

		digest_sha256(&digest, secret);
		REQUIRE(str_equal(c->id, id) && memcmp(&c->secret, &digest, sizeof(digest)) == 0);
	}
	edge_request_end(r);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	edge_start();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_skip((struct str){(const char *)data, size}, 1), id, secret;

	if (size == 0 || size > HEADER_BYTES)
		return 0;
	if (data[0] % 2 == 0)
		check_header(text);
	else if (text.len <= PART_BYTES && str_cut(&id, &secret, text, '\n'))
		check_pair(id, secret);
	return 0;
}
