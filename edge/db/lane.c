/*
 * Subjects of calls and their bounds; see lane.h. Counters are kept by a hash of the subject: two
 * subjects of one hash share their bounds, which is rare and costs them some parallelism only.
 */
#include "db/lane.h"

#include <arpa/inet.h>
#include <sodium.h>

#include "config.h"
#include "loop.h"

enum {
	ALONE_MAX = 1,             /* calls of a subject in a lane of turns */
	WAITING_MAX = 64,          /* calls of a session or user */
	WAITING_NETWORK_MAX = 512, /* of anonymous clients in one network, which many may share */
	BLOCKED_MS = 5000,
	TURN_MIN_MS = 50,
	NETWORK_BYTES_V4 = 3, /* as the lockout of passwords has it */
	NETWORK_BYTES_V6 = 6
};

/* share * lock_ms is LANE_DELAY_MS in a quick lane. A read waits for a lock only where it happens
 * to write, too. */
static const struct {
	const char *name;
	bool is_quick;
	int share, lock_ms;
} table[LANE_COUNT] = {
    [LANE_READ] = {"read", true, 25, 2},
    [LANE_WRITE] = {"write", true, 5, 10},
    [LANE_PATIENT] = {"patient", false, ALONE_MAX, LANE_TURN_MS},
    [LANE_SLOW] = {"slow", false, ALONE_MAX, 2000},
};

struct bucket {
	uint16_t under_way[LANE_COUNT];
	uint16_t waiting;
	uint64_t blocked_until_ms[LANE_COUNT];
	uint64_t last_turn_ms[LANE_COUNT];
};

/* Every other quick call counts as a write. A routine that is not STABLE may be here if it locks no
 * row as a rule. */
static const enum call reads[] = {CALL_READY, CALL_SESSION_GET, CALL_TOKEN_ISSUE, CALL_SESSION_LIST,
    CALL_SESSION_LIST_V1, CALL_SESSION_IS_LIVE, CALL_USER_PROFILE, CALL_ACCOUNT_LIST,
    CALL_ACCOUNT_TOKENS, CALL_ACCOUNT_INFO, CALL_SECURITY_EVENT_LIST, CALL_SIGNUP_STATUS,
    CALL_SIGN_IN_LOOKUP, CALL_API_KEY_VALIDATE, CALL_OIDC_INTROSPECT, CALL_PASSWORD_LOOKUP,
    CALL_PASSWORD_RESET_LINK, CALL_PASSWORD_RESET_LOOKUP, CALL_SETTINGS_GET,
    CALL_SETTINGS_LIST_DEVICES, CALL_API_KEY_LIST, CALL_TRUSTED_DEVICE_LIST, CALL_OIDC_CONSENT_PAGE,
    CALL_OIDC_CLIENT_NAME, CALL_OIDC_CLIENT_KEYS, CALL_OIDC_USERINFO, CALL_OIDC_CLIENT_GET,
    CALL_OIDC_CLIENT_LIST, CALL_OIDC_CLIENT_PUBLIC, CALL_OIDC_CONSENT_GET, CALL_OIDC_CONSENT_LIST,
    CALL_ORGANIZATION_CHECK_SLUG, CALL_ORGANIZATION_LIST, CALL_ORGANIZATION_GET,
    CALL_ORGANIZATION_GET_FULL, CALL_MEMBER_GET_ACTIVE, CALL_MEMBER_GET_ACTIVE_ROLE,
    CALL_MEMBER_LIST, CALL_MEMBER_HAS_PERMISSION, CALL_MEMBER_INTERNAL, CALL_MEMBERSHIP_INTERNAL,
    CALL_INVITATION_GET, CALL_INVITATION_PAGE, CALL_INVITATION_LIST, CALL_INVITATION_LIST_OWN,
    CALL_PASSKEY_LIST, CALL_PASSKEY_LIST_V1, CALL_ERASURE_GET, CALL_ADMIN_STATS,
    CALL_ONBOARDING_GET};

static struct bucket buckets[LANE_SUBJECTS];
static enum lane lanes[CALL_COUNT]; /* filled with the first call */
static bool lanes_known;
static unsigned char hash_key[crypto_shorthash_KEYBYTES];

static void know_lanes(void);
static struct str subject_of(const struct request *r);
static struct str network_of(const struct request *r, unsigned char memory[static 16]);
static uint16_t number_of(struct str subject);
static struct bucket *bucket_of(const struct request *r);
static struct bucket *waits_in(const struct request *r);

void
lane_choose(struct request *r)
{
	struct db_call_state *call = &r->private->call;
	struct str subject = subject_of(r), network;
	unsigned char memory[16];

	if (!lanes_known)
		know_lanes();
	network = network_of(r, memory);
	call->is_anonymous = r->private->background == NULL && r->caller.user_id.len == 0 &&
			     r->caller.session_token.len == 0;
	call->network = number_of(network);
	call->subject_is_shared = subject.len == 0;
	call->subject = subject.len > 0 ? number_of(subject) : call->network;
	call->lane = lanes[call->call];
	if (lane_is_quick(call->lane) && lane_is_blocked(r))
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

/* STR_NONE: nobody in particular. */
static struct str
subject_of(const struct request *r)
{
	const struct caller *c = &r->caller;

	if (r->private->background != NULL)
		return (struct str){.p = (const char *)&r->private->background,
		    .len = sizeof(r->private->background)};
	if (c->user_id.len > 0)
		return c->user_id;
	if (c->session_token.len > 0)
		return c->session_token;
	return r->private->subject;
}

/* The /24 of an IPv4 address, the /48 of an IPv6 address. */
static struct str
network_of(const struct request *r, unsigned char memory[static 16])
{
	if (inet_pton(AF_INET, r->private->ip, memory) == 1)
		return (struct str){.p = (const char *)memory, .len = NETWORK_BYTES_V4};
	if (inet_pton(AF_INET6, r->private->ip, memory) == 1)
		return (struct str){.p = (const char *)memory, .len = NETWORK_BYTES_V6};
	return STR("");
}

static uint16_t
number_of(struct str subject)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint16_t number;

	crypto_shorthash(hash, (const unsigned char *)subject.p, subject.len, hash_key);
	memcpy(&number, hash, sizeof(number));
	return number % LANE_SUBJECTS;
}

static struct bucket *
bucket_of(const struct request *r)
{
	return &buckets[r->private->call.subject];
}

bool
lane_is_quick(enum lane lane)
{
	return table[lane].is_quick;
}

bool
lane_is_pipelined(enum lane lane)
{
	return lane_is_quick(lane) && config.db_pooler == POOLER_NONE;
}

const char *
lane_name(enum lane lane)
{
	return table[lane].name;
}

int
lane_lock_ms(enum lane lane)
{
	return table[lane].lock_ms;
}

/* Shorter the more wait, so that each has turns before its deadline. */
int
lane_turn_ms(enum lane lane, int waiting)
{
	int turn_ms = table[lane].lock_ms / (1 + waiting);

	return turn_ms > TURN_MIN_MS ? turn_ms : TURN_MIN_MS;
}

int
lane_share(enum lane lane)
{
	return table[lane].share;
}

/* In a quick lane the connections have the bounds. */
bool
lane_has_room(const struct request *r)
{
	enum lane lane = r->private->call.lane;

	return lane_is_quick(lane) || bucket_of(r)->under_way[lane] < ALONE_MAX;
}

void
lane_enter(const struct request *r)
{
	bucket_of(r)->under_way[r->private->call.lane]++;
	bucket_of(r)->last_turn_ms[r->private->call.lane] = loop_now_ms();
}

void
lane_leave(const struct request *r)
{
	bucket_of(r)->under_way[r->private->call.lane]--;
}

bool
lane_precedes(const struct request *r, const struct request *other)
{
	enum lane lane = r->private->call.lane;

	return bucket_of(r)->last_turn_ms[lane] < bucket_of(other)->last_turn_ms[lane];
}

/* Whoever names somebody else's address fills the places of their own network only. */
static struct bucket *
waits_in(const struct request *r)
{
	const struct db_call_state *call = &r->private->call;

	return &buckets[call->is_anonymous ? call->network : call->subject];
}

bool
lane_wait(const struct request *r)
{
	struct bucket *bucket = waits_in(r);

	if (bucket->waiting >= (r->private->call.is_anonymous ? WAITING_NETWORK_MAX : WAITING_MAX))
		return false;
	bucket->waiting++;
	return true;
}

void
lane_wait_over(const struct request *r)
{
	waits_in(r)->waiting--;
}

bool
lane_blocked(struct request *r)
{
	struct db_call_state *call = &r->private->call;

	if (call->lane == LANE_SLOW) /* a background task begins anew by itself */
		return r->private->background == NULL;
	if (!call->subject_is_shared) /* others in the network are not blocked */
		bucket_of(r)->blocked_until_ms[lanes[call->call]] = loop_now_ms() + BLOCKED_MS;
	call->lane = LANE_PATIENT;
	return true;
}

bool
lane_is_blocked(const struct request *r)
{
	uint64_t until_ms = bucket_of(r)->blocked_until_ms[r->private->call.lane];

	return until_ms != 0 && loop_now_ms() < until_ms;
}
