/*
 * Invitations into organizations: what the routes take (invitation.h).
 */
#include "features/invitation.h"

#include "db/db.h"
#include "email.h"
#include "http/reply.h"

#define ONLY_SQL .offset = FIELD_NOWHERE

enum {
	ID_MAX = 64,
	ADDRESS_MAX = 320,
	ROLES_BYTES_MAX = 1024,
	PAGE_MAX = 500,
	OFFSET_MAX = 1000000
};

struct create_fields {
	struct str email;
};
static const struct field create_field_table[] = {
    {"email", FIELD_ADDRESS, FIELD_REQUIRED, .offset = offsetof(struct create_fields, email),
	.max = ADDRESS_MAX},
    {"role", FIELD_STRINGS, FIELD_REQUIRED, ONLY_SQL, .max = ROLES_BYTES_MAX},
    {"organizationId", FIELD_STRING, 0, ONLY_SQL, .max = ID_MAX},
    {"resend", FIELD_BOOL, 0, ONLY_SQL},
    {NULL},
};
const struct schema invitation_create_schema = {create_field_table, sizeof(struct create_fields)};

static const struct field answer_fields[] = {
    {"invitationId", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .max = ID_MAX},
    {NULL},
};
const struct schema invitation_answer_schema = {answer_fields, 0};

static const struct field get_fields[] = {
    {"id", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .max = ID_MAX},
    {NULL},
};
const struct schema invitation_get_schema = {get_fields, 0};

static const struct field list_fields[] = {
    {"organizationId", FIELD_STRING, 0, ONLY_SQL, .max = ID_MAX},
    {"limit", FIELD_INT, 0, ONLY_SQL, .min = 1, .max = PAGE_MAX},
    {"offset", FIELD_INT, 0, ONLY_SQL, .min = 0, .max = OFFSET_MAX},
    {NULL},
};
const struct schema invitation_list_schema = {list_fields, 0};

static const struct field list_own_fields[] = {
    {"email", FIELD_ADDRESS, 0, ONLY_SQL, .max = ADDRESS_MAX},
    {NULL},
};
const struct schema invitation_list_own_schema = {list_own_fields, 0};

/* An address that is none has an error of its own here, as with sign-in. */
enum step
invitation_create(struct request *r)
{
	const struct create_fields *in = r->fields;

	if (!email_valid(in->email))
		return reply_error(r, ERR_INVALID_EMAIL);
	return db_call(r, CALL_INVITATION_CREATE, reply_relay);
}
