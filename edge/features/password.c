/*
 * Routes that ask for the present password again (password.h, jobs/password_ask.h).
 */
#include "features/password.h"

#include "config.h"
#include "db/db.h"
#include "features/password_rules.h"
#include "gates/gates.h"
#include "http/reply.h"
#include "jobs/erasure.h"
#include "jobs/password_ask.h"
#include "pages/hosted.h"
#include "pages/page.h"

enum { URI_EXPANSION = 3, LINK_PATH_BYTES = 128 };

struct password_fields {
	struct str password; /* the present one */
	struct str new_password;
	enum field_bool revoke_others;
	struct str token;
	struct str callback_url;
};

struct changing {
	struct password_asking asking; /* first: it is the state of the request */
	struct password_hashing hashing;
	enum error length_problem;
};

static const struct field change_fields[] = {
    {"newPassword", FIELD_PASSWORD, FIELD_REQUIRED,
	.offset = offsetof(struct password_fields, new_password)},
    {"currentPassword", FIELD_PASSWORD, FIELD_REQUIRED,
	.offset = offsetof(struct password_fields, password)},
    {"revokeOtherSessions", FIELD_BOOL, 0,
	.offset = offsetof(struct password_fields, revoke_others)},
    {NULL},
};
const struct schema password_change_schema = {change_fields, sizeof(struct password_fields)};

static const struct field verify_fields[] = {
    {"password", FIELD_PASSWORD, FIELD_REQUIRED,
	.offset = offsetof(struct password_fields, password)},
    {NULL},
};
const struct schema password_verify_schema = {verify_fields, sizeof(struct password_fields)};

static const struct field delete_fields[] = {
    {"password", FIELD_PASSWORD, 0, .offset = offsetof(struct password_fields, password)},
    {"token", FIELD_STRING, FIELD_SECRET, .offset = offsetof(struct password_fields, token),
	.max = 512},
    {"callbackURL", FIELD_URL, FIELD_MAILED,
	.offset = offsetof(struct password_fields, callback_url)},
    {NULL},
};
const struct schema user_delete_schema = {delete_fields, sizeof(struct password_fields)};

static const struct field delete_callback_fields[] = {
    {"token", FIELD_STRING, FIELD_REQUIRED, .offset = offsetof(struct password_fields, token),
	.max = 512},
    {"callbackURL", FIELD_URL, 0, .offset = offsetof(struct password_fields, callback_url)},
    {NULL},
};
const struct schema user_delete_callback_schema = {
    delete_callback_fields, sizeof(struct password_fields)};

static enum step delete_page_known(struct request *r);
static enum step delete_page_show(struct request *r);
static struct str delete_login_path(struct request *r);
static enum step change_finish(struct request *r);
static struct str problem_of(const struct changing *s);
static enum step verify_finish(struct request *r);
static enum step delete_finish(struct request *r);
static enum step erase(struct request *r, struct db_arg challenge, struct db_arg output);
static struct str dialect(const struct request *r);

/* What is wrong with the new password is told by SQL, to callers whose present one is right. */
enum step
password_change(struct request *r)
{
	const struct password_fields *in = r->fields;
	struct changing *s = request_state(r, sizeof(*s));

	s->length_problem = password_length_problem(r, in->new_password);
	s->hashing.plain = in->new_password;
	s->asking = (struct password_asking){.plain = in->password,
	    .finish = change_finish,
	    .hashing = s->length_problem == OK ? &s->hashing : NULL};
	return password_ask(r, &s->asking);
}

static enum step
change_finish(struct request *r)
{
	const struct password_fields *in = r->fields;
	const struct changing *s = r->state;
	struct str new_hash = s->hashing.hashed ? buf_view(&s->hashing.hash) : STR_NONE;

	return db_call(r, CALL_PASSWORD_CHANGE, password_answered,
	    password_challenge_arg(r, &s->asking), password_output_arg(&s->asking),
	    db_text(r, new_hash), db_text(r, problem_of(s)),
	    db_bool(in->revoke_others == FIELD_TRUE), db_text(r, dialect(r)));
}

/* Neither a hash nor a problem: memory was short, or nothing was hashed for a locked session. */
static struct str
problem_of(const struct changing *s)
{
	if (s->length_problem != OK)
		return error_info(s->length_problem)->name;
	return s->hashing.guessable ? error_info(ERR_PASSWORD_COMPROMISED)->name : STR_NONE;
}

enum step
password_verify_own(struct request *r)
{
	const struct password_fields *in = r->fields;
	struct password_asking *asking = request_state(r, sizeof(*asking));

	*asking = (struct password_asking){.plain = in->password, .finish = verify_finish};
	return password_ask(r, asking);
}

static enum step
verify_finish(struct request *r)
{
	const struct password_asking *asking = r->state;

	return db_call(r, CALL_PASSWORD_VERIFY, password_answered,
	    password_challenge_arg(r, asking), password_output_arg(asking));
}

enum step
user_delete(struct request *r)
{
	return config.delete_user ? user_erase(r) : reply_empty(r, 404);
}

/* A program needs the session; everybody else gets a page, which says what there is to do. */
enum step
user_delete_open(struct request *r)
{
	const struct password_fields *in = r->fields;

	if (!mail_link_acts(r))
		return db_call(r, CALL_USER_DELETE_PAGE, delete_page_known, db_text(r, in->token));
	if (r->caller.session_token.len == 0)
		return reply_error(r, ERR_UNAUTHORIZED);
	return db_call(r, CALL_USER_DELETE_CALLBACK, reply_relay);
}

static enum step
delete_page_known(struct request *r)
{
	const struct password_fields *in = r->fields;
	struct str state = row_text(r->answer, 0, 0);

	if (str_equal(state, STR("open")))
		return delete_page_show(r);
	if (str_equal(state, STR("done")))
		return reply_redirect(
		    r, 302, in->callback_url.p != NULL ? in->callback_url : STR("/"));
	if (str_equal(state, STR("signed_out")))
		return reply_redirect(r, 303, delete_login_path(r));
	return hosted_message(r, 400, WORD_failed, WORD_failed_text, WORD_sign_up_login);
}

static enum step
delete_page_show(struct request *r)
{
	const struct password_fields *in = r->fields;
	const struct page_confirm page = {
	    .german = {STR("Konto löschen"),
		STR("Ein Klick noch, dann ist dein Konto gelöscht. Das lässt sich nicht rückgängig "
		    "machen."),
		STR("Konto löschen")},
	    .english = {STR("Delete your account"),
		STR("One more click, and your account is deleted. This cannot be undone."),
		STR("Delete account")},
	    .action = STR("/api/auth/delete-user/callback"),
	    .token = in->token,
	    .callback_url = in->callback_url,
	};

	return page_confirm_show(r, &page);
}

/* Back to the link after the sign-in. */
static struct str
delete_login_path(struct request *r)
{
	const struct password_fields *in = r->fields;
	struct str callback_url = in->callback_url.p != NULL ? in->callback_url : STR("/");
	size_t room = LINK_PATH_BYTES + URI_EXPANSION * (in->token.len + callback_url.len);
	struct buf link = arena_buf(&r->arena, room),
		   path = arena_buf(&r->arena, LINK_PATH_BYTES + URI_EXPANSION * room);

	buf_str(&link, STR("/api/auth/delete-user/callback?token="));
	buf_uri(&link, in->token);
	buf_str(&link, STR("&callbackURL="));
	buf_uri(&link, callback_url);
	buf_str(&path, STR("/login?callbackURL="));
	buf_uri(&path, buf_view(&link));
	return buf_view(&path);
}

/* Without a password SQL asks for a session that is fresh. */
enum step
user_erase(struct request *r)
{
	const struct password_fields *in = r->fields;

	struct password_asking *asking = request_state(r, sizeof(*asking));

	if (in == NULL || in->password.p == NULL)
		return erase(r, db_null(), db_null());
	*asking = (struct password_asking){.plain = in->password, .finish = delete_finish};
	return password_ask(r, asking);
}

static enum step
delete_finish(struct request *r)
{
	const struct password_asking *asking = r->state;

	return erase(r, password_challenge_arg(r, asking), password_output_arg(asking));
}

/* Better Auth's client is told that it is done; ours wait for what comes of it, source by source.
 */
static enum step
erase(struct request *r, struct db_arg challenge, struct db_arg output)
{
	static const struct password_fields nothing;
	const struct password_fields *in = r->fields != NULL ? r->fields : &nothing;
	struct db_arg token = db_text(r, in->token);
	struct db_arg callback_url = db_text(r, in->callback_url);

	if (r->route->errors == ERRORS_BETTER_AUTH)
		return db_call(r, CALL_USER_DELETE, password_answered, challenge, output, token,
		    callback_url, db_text(r, dialect(r)));
	return erasure_start(r, challenge, output, token, callback_url);
}

static struct str
dialect(const struct request *r)
{
	return r->route->errors == ERRORS_V1 ? STR("v1") : STR("better-auth");
}
