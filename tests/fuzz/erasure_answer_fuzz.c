/* Answers to an erasure: two bytes of status, then the body. Nothing counts as done that the
 * service has not said itself. */
#include "fuzz.h"

#include "jobs/erasure_answer.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str body;
	int64_t count, none;
	int status;

	if (size < 2)
		return 0;
	status = data[0] * 100 + data[1] % 100;
	body = (struct str){(const char *)data + 2, size - 2};
	if (erasure_is_done(&count, status, body)) {
		REQUIRE(status / 100 == 2 || status == 404 || status == 410);
		if (status >= 400)
			REQUIRE(str_has(body, '{') && str_has(body, '}'));
	}
	REQUIRE(count >= 0 && (count == 0 || memmem(body.p, body.len, "deletedCount", 12) != NULL ||
				  str_has(body, '\\')));
	REQUIRE(!erasure_is_done(&none, 0, body));
	REQUIRE(
	    !erasure_is_done(&none, 404, STR("<html>")) && !erasure_is_done(&none, 404, STR_NONE));
	return 0;
}
