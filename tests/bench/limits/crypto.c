/*
 * The limits of computing: how many Ed25519 signatures and how many argon2id hashes THREADS cores
 * make in a second. `crypto sign|hash SECONDS THREADS [MEMORY_KIB PASSES]` prints the rate and the
 * CPU microseconds of one.
 */
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS_MAX = 64, JWT_BYTES = 400, KIB = 1024 };

struct worker {
	pthread_t thread;
	unsigned long count;
};

static double ends_at;
static size_t memory_bytes;
static unsigned long long passes;

static double seconds_of(clockid_t clock);
static void *sign(void *arg);
static void *hash(void *arg);

int
main(int argc, char **argv)
{
	struct worker workers[THREADS_MAX];
	void *(*work)(void *);
	long threads;
	unsigned long count = 0;
	double seconds;

	if (argc < 4 || sodium_init() < 0 || (threads = strtol(argv[3], NULL, 10)) < 1 ||
	    threads > THREADS_MAX)
		return 2;
	work = strcmp(argv[1], "sign") == 0 ? sign : hash;
	memory_bytes = (argc > 4 ? strtoul(argv[4], NULL, 10) : 0) * KIB;
	passes = argc > 5 ? strtoull(argv[5], NULL, 10) : 1;
	seconds = strtod(argv[2], NULL);
	ends_at = seconds_of(CLOCK_MONOTONIC) + seconds;
	for (long i = 0; i < threads; i++) {
		workers[i].count = 0;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			return 1;
	}
	for (long i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		count += workers[i].count;
	}
	printf("%f %f\n", (double)count / seconds,
	    seconds_of(CLOCK_PROCESS_CPUTIME_ID) / (double)count * 1e6);
	return 0;
}

static double
seconds_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *
sign(void *arg)
{
	struct worker *w = arg;
	unsigned char public_key[crypto_sign_PUBLICKEYBYTES], key[crypto_sign_SECRETKEYBYTES];
	unsigned char message[JWT_BYTES], signature[crypto_sign_BYTES];

	crypto_sign_keypair(public_key, key);
	randombytes_buf(message, sizeof(message));
	while (seconds_of(CLOCK_MONOTONIC) < ends_at) {
		crypto_sign_detached(signature, NULL, message, sizeof(message), key);
		w->count++;
	}
	return NULL;
}

static void *
hash(void *arg)
{
	static const char password[] = "correct horse battery staple";
	struct worker *w = arg;
	unsigned char out[32], salt[crypto_pwhash_SALTBYTES];

	randombytes_buf(salt, sizeof(salt));
	while (seconds_of(CLOCK_MONOTONIC) < ends_at) {
		if (crypto_pwhash(out, sizeof(out), password, sizeof(password) - 1, salt, passes,
			memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0)
			abort();
		w->count++;
	}
	return NULL;
}
