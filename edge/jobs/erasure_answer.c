/* Answers to an erasure (erasure_answer.h). */
#include "jobs/erasure_answer.h"

#include "json.h"

enum { ANSWER_DEPTH = 8 };

bool
erasure_is_done(int64_t *count, int status, struct str body)
{
	json_t *json = NULL;
	bool is_object =
	    json_read(&json, body,
		(struct json_limits){.bytes = ERASURE_ANSWER_BYTES, .depth = ANSWER_DEPTH}) &&
	    json_is_object(json);

	*count = is_object ? json_integer_value(json_object_get(json, "deletedCount")) : 0;
	if (*count < 0)
		*count = 0;
	json_decref(json);
	if (status == 404 || status == 410)
		return is_object;
	return status >= 200 && status < 300;
}
