/*
 * The program. `mana-auth-edge run` checks the environment, writes Kore's configuration and becomes
 * Kore with our module; `routes` and `config` print the tables, `settings` the SQL for the role of
 * the edge behind a transaction pooler.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "db/settings.h"
#include "http/match.h"
#include "routes.h"

#ifndef MODULE_DIR
#define MODULE_DIR "/usr/lib/mana-auth"
#endif

enum {
	REFUSED = 78, /* EX_CONFIG: starting again will not help */
	DESCRIPTORS_BESIDE = 256
};

static int usage(void);
static int run(void);
static void write_configuration(FILE *out, const char *module, const char *pid_path);
static bool keep_hash_memory(void);
static bool find_module(char path[static PATH_MAX], const char *name);
static void print_routes(FILE *out);
static int print_settings(FILE *out);

int
main(int argc, char **argv)
{
	const char *wish = argc == 2 ? argv[1] : "";

	if (strcmp(wish, "run") == 0)
		return run();
	if (strcmp(wish, "routes") == 0)
		print_routes(stdout);
	else if (strcmp(wish, "config") == 0)
		config_print(stdout);
	else if (strcmp(wish, "settings") == 0)
		return print_settings(stdout);
	else
		return usage();
	return fflush(stdout) == 0 ? 0 : 1;
}

static int
usage(void)
{
	fputs("usage: mana-auth-edge run|routes|config|settings\n", stderr);
	return 64; /* EX_USAGE */
}

static int
print_settings(FILE *out)
{
	if (!config_read(stderr))
		return REFUSED;
	settings_print(out);
	return fflush(out) == 0 ? 0 : 1;
}

/* The configuration is a file in memory: Kore reads it through its descriptor, and nothing is left
 * behind. */
static int
run(void)
{
	char module[PATH_MAX], path[40];
	int fd;
	FILE *out;

	if (!config_read(stderr))
		return REFUSED;
	config_warn(stderr);
	if (!find_module(module, "edge.so")) {
		fputs("mana-auth-edge: edge.so is neither beside this program nor in " MODULE_DIR
		      "\n",
		    stderr);
		return 1;
	}
	if (!keep_hash_memory())
		fputs("mana-auth-edge: hash_memory.so was not found: password hashes will cost "
		      "twice as much\n",
		    stderr);
	fd = memfd_create("kore.conf", 0);
	out = fd != -1 ? fdopen(dup(fd), "w") : NULL;
	if (out == NULL) {
		perror("mana-auth-edge: memfd");
		return 1;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	write_configuration(out, module, path);
	if (fclose(out) != 0) {
		perror("mana-auth-edge: memfd");
		return 1;
	}
	/* foreground, no chroot (the database's socket is outside), quiet, no change of user: who
	 * starts us decides */
	execlp("kore", "mana-auth-edge", "-fnqr", "-c", path, (char *)NULL);
	fprintf(stderr, "mana-auth-edge: kore does not start: %s\n", strerror(errno));
	return 1;
}

static void
write_configuration(FILE *out, const char *module, const char *pid_path)
{
	fprintf(out, "load %s\n", module);
	fprintf(out, "pidfile %s\n", pid_path); /* this very file, read by then */
	fprintf(out, "root /\n");
	fprintf(out, "workers %d\n", (int)config.workers);
	fprintf(out, "worker_set_affinity 0\n"); /* the scheduler knows better than Kore, next to a
						    database */
	fprintf(out, "worker_accept_threshold 1\n"); /* spreads connections over the workers */
	fprintf(out, "worker_max_connections %d\n", (int)config.connections_max);
	fprintf(
	    out, "worker_rlimit_nofiles %d\n", (int)config.connections_max + DESCRIPTORS_BESIDE);
	fprintf(out, "socket_backlog 1024\n");
	fprintf(out, "server edge {\n\tbind %s %d\n\ttls no\n}\n", config.bind.p, (int)config.port);
	fprintf(out, "domain * {\n\tattach edge\n}\n");
}

/* Loaded before libsodium, beside what the caller wishes to be loaded; see preload/hash_memory.c.
 */
static bool
keep_hash_memory(void)
{
	const char *wished = getenv("LD_PRELOAD");
	char library[PATH_MAX], all[2 * PATH_MAX];

	return find_module(library, "hash_memory.so") &&
	       snprintf(all, sizeof(all), "%s%s%s", library, wished != NULL ? ":" : "",
		   wished != NULL ? wished : "") < (int)sizeof(all) &&
	       setenv("LD_PRELOAD", all, 1) == 0;
}

/* Beside this program, as in the build folder, or where `make install` puts it. */
static bool
find_module(char path[static PATH_MAX], const char *name)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length > 0) {
		self[length] = '\0';
		*strrchr(self, '/') = '\0';
		if (snprintf(path, PATH_MAX, "%s/edge/%s", self, name) < PATH_MAX &&
		    access(path, R_OK) == 0)
			return true;
	}
	snprintf(path, PATH_MAX, MODULE_DIR "/%s", name);
	return access(path, R_OK) == 0;
}

static void
print_routes(FILE *out)
{
	static const char *const access_names[] = {"", "anybody", "session cookie", "access JWT",
	    "JWT or cookie", "JWT of an admin", "service key"};
	static const char *const shape_names[] = {
	    "", "Better Auth", "v1", "vault", "me", "OAuth", "plain"};

	fputs("| Method | Path | Who may call | Limit | Errors | Done by "
	      "|\n|---|---|---|---|---|---|\n",
	    out);
	for (size_t i = 0; i < routes_count; i++) {
		const struct route *row = &routes[i];

		fprintf(out, "| %s | `%s` | %s | %s | %s | %s |\n", match_method_name(row->method),
		    row->path, access_names[row->access], row->rate != NULL ? row->rate : "none",
		    shape_names[row->errors],
		    row->call != CALL_NONE ? calls[row->call].name : "edge");
	}
}
