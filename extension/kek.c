/*
 * Where the key-encryption keys come from: a file with one `id:base64` a line (the first is active;
 * a bare base64 line is `env-v1`, the id that the service before us used), or for small set-ups the
 * setting mana_auth.kek with the same lines, separated by commas. Read at preload and again at
 * every reload, also when only the file's content changed. A ring that does not parse is refused
 * with a reason and the old one stays.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "errors.h"
#include "kek_ring.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/guc.h"

#define KEK_FILE_MAX 4096

/*
 * Installed and checked-but-not-yet-installed rings of the two settings. GUC's own `extra` cannot
 * hold them: it is plain memory. A check that is not followed by its assign leaves a pending ring,
 * which the next check frees.
 */
struct source {
	struct ring *installed;
	struct ring *pending;
};

static struct source from_file, from_setting;
static char *kek_file_setting, *kek_setting;
static bool allow_dev_kek;

static bool kek_file_check(char **value, void **extra, GucSource source);
static void kek_file_assign(const char *value, void *extra);
static bool kek_check(char **value, void **extra, GucSource source);
static void kek_assign(const char *value, void *extra);
static const char *kek_show(void);
static bool ring_replace_pending(struct source *at, const char *text, size_t len, char separator);
static void ring_install(struct source *at);
static bool file_read(const char *path, char *text, size_t *len);
static bool file_is_private(const char *path, const struct stat *st);

void
kek_define_settings(void)
{
	if (sodium_init() < 0)
		elog(ERROR, "libsodium could not be initialised");
	DefineCustomBoolVariable("mana_auth.allow_dev_kek",
	    "Allows a key-encryption key that is all zero.",
	    "For development only: whoever knows this software knows that key.", &allow_dev_kek,
	    false, PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("mana_auth.kek_file",
	    "File with the key-encryption keys, one `id:base64` a line, the first one active.",
	    "Owned by the server's user with mode 0600, or by root with mode 0640.",
	    &kek_file_setting, "", PGC_SIGHUP,
	    GUC_SUPERUSER_ONLY | GUC_DISALLOW_IN_AUTO_FILE | GUC_NOT_IN_SAMPLE, kek_file_check,
	    kek_file_assign, NULL);
	DefineCustomStringVariable("mana_auth.kek",
	    "The key-encryption keys themselves, `id:base64` separated by commas.",
	    "Prefer mana_auth.kek_file. Used only when that is empty.", &kek_setting, "",
	    PGC_SIGHUP,
	    GUC_SUPERUSER_ONLY | GUC_DISALLOW_IN_AUTO_FILE | GUC_NOT_IN_SAMPLE | GUC_NO_SHOW_ALL,
	    kek_check, kek_assign, kek_show);
}

const struct kek *
kek_active_or_null(void)
{
	const struct ring *ring =
	    from_file.installed ? from_file.installed : from_setting.installed;

	return ring ? &ring->keys[0] : NULL;
}

const struct kek *
kek_active(void)
{
	const struct kek *kek = kek_active_or_null();

	if (kek == NULL)
		ereport(ERROR, errcode(MANA_ERRCODE(503)), errmsg("the vault is locked"),
		    errdetail_internal("{\"code\":\"VAULT_LOCKED\"}"),
		    errhint("Set mana_auth.kek_file and reload the server."));
	return kek;
}

const struct kek *
kek_find(const char *id)
{
	const struct ring *ring =
	    from_file.installed ? from_file.installed : from_setting.installed;

	for (int i = 0; ring != NULL && i < ring->count; i++)
		if (strcmp(ring->keys[i].id, id) == 0)
			return &ring->keys[i];
	return NULL;
}

static bool
kek_file_check(char **value, void **extra, GucSource source)
{
	char text[KEK_FILE_MAX];
	size_t len = 0;
	bool ok;

	if ((*value)[0] == '\0')
		return ring_replace_pending(&from_file, "", 0, '\n');
	ok = file_read(*value, text, &len) && ring_replace_pending(&from_file, text, len, '\n');
	sodium_memzero(text, sizeof(text));
	return ok;
}

static void
kek_file_assign(const char *value, void *extra)
{
	ring_install(&from_file);
}

static bool
kek_check(char **value, void **extra, GucSource source)
{
	return ring_replace_pending(&from_setting, *value, strlen(*value), ',');
}

static void
kek_assign(const char *value, void *extra)
{
	ring_install(&from_setting);
}

static const char *
kek_show(void)
{
	return from_setting.installed ? "(hidden)" : "";
}

/* Parses into new locked memory; an empty text is no ring. */
static bool
ring_replace_pending(struct source *at, const char *text, size_t len, char separator)
{
	struct ring_problem problem = {.hint = NULL};
	struct ring *ring;

	sodium_free(at->pending);
	at->pending = NULL;
	if (len == 0)
		return true;
	ring = sodium_malloc(sizeof(*ring));
	if (ring == NULL || sodium_mlock(ring, sizeof(*ring)) != 0) {
		sodium_free(ring);
		GUC_check_errdetail("The memory for the keys could not be locked: %m.");
		return false;
	}
	sodium_memzero(ring, sizeof(*ring));
	if (!ring_parse(ring, &problem, text, len, separator,
		allow_dev_kek ? RING_ALLOWS_ZERO_KEY : RING_REFUSES_ZERO_KEY)) {
		sodium_free(ring);
		GUC_check_errdetail("%s", problem.detail);
		if (problem.hint != NULL)
			GUC_check_errhint("%s", problem.hint);
		return false;
	}
	sodium_mprotect_readonly(ring);
	at->pending = ring;
	return true;
}

/* Called after each successful check: what it left is now in force. */
static void
ring_install(struct source *at)
{
	sodium_free(at->installed);
	at->installed = at->pending;
	at->pending = NULL;
}

static bool
file_read(const char *path, char *text, size_t *len)
{
	int fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
	struct stat st;
	ssize_t got = -1;

	if (fd < 0) {
		GUC_check_errdetail("The file \"%s\" could not be opened: %m.", path);
		return false;
	}
	if (fstat(fd, &st) != 0)
		GUC_check_errdetail("The file \"%s\" could not be examined: %m.", path);
	else if (file_is_private(path, &st)) {
		got = read(fd, text, KEK_FILE_MAX);
		if (got < 0)
			GUC_check_errdetail("The file \"%s\" could not be read: %m.", path);
		else if (got == 0 || got == KEK_FILE_MAX) {
			GUC_check_errdetail(
			    "The file \"%s\" must have 1 to %d bytes.", path, KEK_FILE_MAX - 1);
			got = -1;
		}
	}
	CloseTransientFile(fd);
	*len = got < 0 ? 0 : (size_t)got;
	return got >= 0;
}

/* The rule of ssl_key_file. */
static bool
file_is_private(const char *path, const struct stat *st)
{
	mode_t forbidden = st->st_uid == 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;

	if (!S_ISREG(st->st_mode)) {
		GUC_check_errdetail("\"%s\" is no regular file.", path);
		return false;
	}
	if (st->st_uid != geteuid() && st->st_uid != 0) {
		GUC_check_errdetail(
		    "The file \"%s\" must be owned by the server's user or root.", path);
		return false;
	}
	if ((st->st_mode & forbidden) != 0) {
		GUC_check_errdetail("The file \"%s\" is open to others.", path);
		GUC_check_errhint("Its mode must be 0600, or 0640 when root owns it.");
		return false;
	}
	return true;
}
