/* If-None-Match: 304 only to a client that names this tag, or any; other tags beside it do not
 * matter. */
#include "fuzz.h"

#include "edge_request.h"
#include "http/reply.h"

enum { HEADER_BYTES = 4200 };

static const struct str tag = {.p = "\"0123abcd\"", .len = 10};

static int
ask(struct str before, struct str header, struct str behind)
{
	static const struct route route = {.method = METHOD_GET, .path = "/"};
	struct request *r = edge_request(&route);
	char memory[HEADER_BYTES];
	struct buf whole = BUF_ON(memory);
	int status;

	buf_str(&whole, before);
	buf_str(&whole, header);
	buf_str(&whole, behind);
	REQUIRE(buf_ok(&whole));
	edge_header(r, "if-none-match", buf_view(&whole));
	REQUIRE(reply_json_cacheable(r, STR("{}"), tag, STR("public")) == STEP_DONE);
	status = edge_status(r);
	REQUIRE(status == 200 || (status == 304 && edge_answer_body(r).len == 0));
	edge_request_end(r);
	return status;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str header = {(const char *)data, size};
	int status;

	for (size_t i = 0; i < size; i++)
		if ((data[i] < ' ' && data[i] != '\t') || data[i] == 0x7f)
			return 0; /* no field value */
	status = ask(STR(""), header, STR(""));
	if (status == 304)
		REQUIRE(
		    memmem(data, size, tag.p, tag.len) != NULL || memchr(data, '*', size) != NULL);
	REQUIRE(ask(STR("\"other\", W/\"0123abcde\","), header, STR("")) == status);
	REQUIRE(ask(STR(""), header, STR(",W/\"0123abcd\"")) == 304);
	return 0;
}
