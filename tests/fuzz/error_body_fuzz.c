/* Bodies of errors: a byte for the shape, two for the error, then the message. Each shape is one
 * JSON object whose members say what they were given, or the text itself. */
#include "fuzz.h"

#include "http/error_body.h"
#include "json.h"
#include "routes.h"
#include "utf8.h"

enum { HEAD_BYTES = 3, MESSAGE_BYTES = 4096, BODY_BYTES = 8 * MESSAGE_BYTES };

static void
check_json(struct str body, struct str message)
{
	static const char *const names[] = {"message", "error", "error_description"};
	json_t *json;
	bool said = false;

	REQUIRE(json_read(&json, body, (struct json_limits){.bytes = body.len, .depth = 1}));
	REQUIRE(json_is_object(json));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		said = said || str_equal(json_member_str(json, names[i]), message);
	REQUIRE(said);
	json_decref(json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char memory[BODY_BYTES];
	struct buf out = BUF_ON(memory);
	enum error_shape shape;
	struct str message;
	enum error e;

	if (size < HEAD_BYTES || size > MESSAGE_BYTES)
		return 0;
	shape = ERRORS_BETTER_AUTH + data[0] % (ERRORS_PLAIN - ERRORS_BETTER_AUTH + 1);
	e = OK + 1 + (data[1] * 256 + data[2]) % (ERROR_COUNT - 1);
	message = (struct str){(const char *)data + HEAD_BYTES, size - HEAD_BYTES};
	if (!utf8_is_text(message))
		return 0; /* what cannot come out of the edge's own texts, the schemas, or SQL */
	error_body(&out, shape, error_info(e), message, data[0], STR_NONE);
	REQUIRE(buf_ok(&out));
	if (shape == ERRORS_PLAIN)
		REQUIRE(str_equal(buf_view(&out), message));
	else
		check_json(buf_view(&out), message);
	return 0;
}
