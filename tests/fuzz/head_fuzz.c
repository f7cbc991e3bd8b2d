/* Request heads: what is refused of a part is refused of the whole, and what is accepted is
 * unambiguous: one valid Host, one framing, and lines that nobody can split elsewhere. */
#include "fuzz.h"

#include "http/head.h"
#include "http/octets.h"

enum { BODY_MAX = 1000 };

static int
count_of(const struct head *head, struct str name)
{
	int count = 0;

	for (int i = 0; i < head->fields_count; i++)
		count += str_equal_nocase(head->fields[i].name, name);
	return count;
}

static bool
lies_within(struct str s, const char *bytes, size_t count)
{
	return s.p >= bytes && s.len <= count && (size_t)(s.p - bytes) <= count - s.len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct head head;
	struct head_scan whole = {.seen = 0}, parts = {.seen = 0};
	char *copy = malloc(size + 1);
	size_t end = head_end(&whole, (const char *)data, size), found = 0, count;
	struct refusal refusal;

	for (size_t n = 1; n <= size && found == 0 && parts.refusal.status == 0; n++)
		found = head_end(&parts, (const char *)data, n);
	REQUIRE(end == 0 || whole.refusal.status == 0);
	REQUIRE(found == end || parts.refusal.status != 0);
	memcpy(copy, data, size);
	if (end > 0) {
		count = end - whole.start;
		REQUIRE(end <= size && count <= HEAD_BYTES_MAX);
		REQUIRE(memcmp(copy + end - 4, "\r\n\r\n", 4) == 0);
		refusal = head_read(&head, copy + whole.start, count, BODY_MAX);
		REQUIRE(refusal.status == 0 || refusal.reason != NULL);
		/* what is refused while it comes is not accepted when it is there */
		REQUIRE(parts.refusal.status == 0 || refusal.status != 0);
		if (refusal.status == 0) {
			bool has_length = count_of(&head, STR("content-length")) > 0;

			for (size_t i = whole.start; i < end; i++)
				REQUIRE(
				    octet_is_value(copy[i]) || copy[i] == '\r' || copy[i] == '\n');
			REQUIRE(count_of(&head, STR("host")) == 1 || head.is_http_1_0);
			REQUIRE(count_of(&head, STR("content-length")) <= 1);
			REQUIRE(
			    count_of(&head, STR("transfer-encoding")) == (head.is_chunked ? 1 : 0));
			REQUIRE(!head.is_chunked || !has_length);
			REQUIRE(has_length || head.length == 0);
			REQUIRE(head.length <= BODY_MAX && head.path.len > 0);
			for (int i = 0; i < head.fields_count; i++) {
				REQUIRE(octets_are_token(head.fields[i].name));
				REQUIRE(lies_within(head.fields[i].name, copy, size));
				REQUIRE(lies_within(head.fields[i].value, copy, size));
			}
		}
	}
	free(copy);
	return 0;
}
