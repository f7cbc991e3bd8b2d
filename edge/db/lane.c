/*
 * Subjects of calls and their bounds; see lane.h. Counters are kept by a hash of the subject: two
 * subjects of one hash share their bounds, which is rare and costs them some parallelism only.
 */
#include "db/lane.h"

#include <sodium.h>

#include "config.h"
#include "loop.h"

enum {
	BUCKETS = 4096,
	READS_MAX = 64, /* of a subject, under way in a worker */
	WRITES_MAX = 8,
	ANONYMOUS_WRITES_MAX = 32, /* of an IP address, which many people may share */
	ALONE_MAX = 1,             /* in the lanes of one call at a time */
	WAITING_MAX = 64,
	BLOCKED_MS = 5000
};

struct bucket {
	uint16_t under_way[LANE_COUNT];
	uint16_t waiting;
	uint64_t blocked_until_ms[LANE_COUNT];
};

/* Every other quick call counts as a write. A routine that is not STABLE may be here if it locks no
 * row as a rule. */
static const enum call reads[] = {CALL_READY, CALL_SESSION_GET, CALL_TOKEN_ISSUE, CALL_SESSION_LIST,
    CALL_SESSION_LIST_V1, CALL_SESSION_IS_LIVE, CALL_USER_PROFILE, CALL_ACCOUNT_LIST,
    CALL_ACCOUNT_TOKENS, CALL_ACCOUNT_INFO, CALL_SECURITY_EVENT_LIST, CALL_SIGNUP_STATUS,
    CALL_PASSWORD_LOOKUP, CALL_PASSWORD_RESET_LINK, CALL_PASSWORD_RESET_LOOKUP, CALL_SETTINGS_GET,
    CALL_SETTINGS_LIST_DEVICES, CALL_API_KEY_LIST, CALL_TRUSTED_DEVICE_LIST, CALL_OIDC_CONSENT_PAGE,
    CALL_OIDC_CLIENT_NAME, CALL_OIDC_CLIENT_KEYS, CALL_OIDC_USERINFO, CALL_OIDC_CLIENT_GET,
    CALL_OIDC_CLIENT_LIST, CALL_OIDC_CLIENT_PUBLIC, CALL_OIDC_CONSENT_GET, CALL_OIDC_CONSENT_LIST,
    CALL_ORGANIZATION_CHECK_SLUG, CALL_ORGANIZATION_LIST, CALL_ORGANIZATION_GET,
    CALL_ORGANIZATION_GET_FULL, CALL_MEMBER_GET_ACTIVE, CALL_MEMBER_GET_ACTIVE_ROLE,
    CALL_MEMBER_LIST, CALL_MEMBER_HAS_PERMISSION, CALL_MEMBER_INTERNAL, CALL_MEMBERSHIP_INTERNAL,
    CALL_INVITATION_GET, CALL_INVITATION_PAGE, CALL_INVITATION_LIST, CALL_INVITATION_LIST_OWN,
    CALL_PASSKEY_LIST, CALL_PASSKEY_LIST_V1, CALL_ERASURE_GET, CALL_ADMIN_STATS,
    CALL_ONBOARDING_GET};

static struct bucket buckets[BUCKETS];
static enum lane lanes[CALL_COUNT]; /* filled with the first call */
static bool lanes_known;
static unsigned char hash_key[crypto_shorthash_KEYBYTES];

static void know_lanes(void);
static uint16_t subject_of(const struct request *r, bool *is_shared);
static struct bucket *bucket_of(const struct request *r);

void
lane_choose(struct request *r)
{
	struct db_call_state *call = &r->private->call;

	if (!lanes_known)
		know_lanes();
	call->subject = subject_of(r, &call->subject_is_shared);
	call->lane = lanes[call->call];
	if (lane_is_pipelined(call->lane) && lane_is_blocked(r))
		call->lane = LANE_PATIENT;
}

static void
know_lanes(void)
{
	randombytes_buf(hash_key, sizeof(hash_key));
	for (int i = 0; i < CALL_COUNT; i++)
		lanes[i] = calls[i].pool == POOL_SLOW ? LANE_SLOW : LANE_WRITE;
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
		lanes[reads[i]] = LANE_READ;
	lanes_known = true;
}

static uint16_t
subject_of(const struct request *r, bool *is_shared)
{
	const struct caller *c = &r->caller;
	unsigned char hash[crypto_shorthash_BYTES];
	struct str subject = r->ip;
	uint16_t number;

	*is_shared = false;
	if (r->private->background != NULL)
		subject = (struct str){.p = (const char *)&r->private->background,
		    .len = sizeof(r->private->background)};
	else if (c->user_id.len > 0)
		subject = c->user_id;
	else if (c->session_token.len > 0)
		subject = c->session_token;
	else if (r->private->subject.len > 0)
		subject = r->private->subject;
	else
		*is_shared = true;
	crypto_shorthash(
	    hash, (const unsigned char *)(subject.len > 0 ? subject.p : ""), subject.len, hash_key);
	memcpy(&number, hash, sizeof(number));
	return number % BUCKETS;
}

static struct bucket *
bucket_of(const struct request *r)
{
	return &buckets[r->private->call.subject];
}

bool
lane_is_pipelined(enum lane lane)
{
	return config.db_pooler == POOLER_NONE && (lane == LANE_READ || lane == LANE_WRITE);
}

const char *
lane_name(enum lane lane)
{
	static const char *const names[] = {"read", "write", "patient", "slow"};

	return names[lane];
}

bool
lane_has_room(const struct request *r)
{
	const struct db_call_state *call = &r->private->call;
	int max = ALONE_MAX;

	if (call->lane == LANE_READ)
		max = READS_MAX;
	else if (call->lane == LANE_WRITE)
		max = call->subject_is_shared ? ANONYMOUS_WRITES_MAX : WRITES_MAX;
	return bucket_of(r)->under_way[call->lane] < max;
}

void
lane_enter(const struct request *r)
{
	bucket_of(r)->under_way[r->private->call.lane]++;
}

void
lane_leave(const struct request *r)
{
	bucket_of(r)->under_way[r->private->call.lane]--;
}

bool
lane_wait(const struct request *r)
{
	struct bucket *bucket = bucket_of(r);

	if (bucket->waiting >= WAITING_MAX)
		return false;
	bucket->waiting++;
	return true;
}

void
lane_wait_over(const struct request *r)
{
	bucket_of(r)->waiting--;
}

void
lane_blocked(struct request *r)
{
	if (!r->private->call.subject_is_shared) /* others behind one address are not blocked */
		bucket_of(r)->blocked_until_ms[r->private->call.lane] = loop_now_ms() + BLOCKED_MS;
	r->private->call.lane = LANE_PATIENT;
}

bool
lane_is_blocked(const struct request *r)
{
	uint64_t until_ms = bucket_of(r)->blocked_until_ms[r->private->call.lane];

	return until_ms != 0 && loop_now_ms() < until_ms;
}
