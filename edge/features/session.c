/*
 * Sessions: reading, ending and minting from one are relayed to SQL; what remains is here.
 */
#include "features/session.h"

#include "http/reply.h"

static const struct field get_session_field_table[] = {
    {"disableCookieCache", FIELD_BOOL, 0, .offset = FIELD_NOWHERE},
    {"disableRefresh", FIELD_BOOL, 0, .offset = FIELD_NOWHERE},
    {NULL},
};
const struct schema get_session_schema = {get_session_field_table, 0};

enum step
get_session_by_post(struct request *r)
{
	return reply_error(r, ERR_METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED);
}

enum step
ok(struct request *r)
{
	return reply_json(r, 200, STR("{\"ok\":true}"));
}
