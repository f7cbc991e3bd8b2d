/* Memory of password hashes: kept, wiped, given back; nothing else is touched. Built without the
 * sanitizers, which have an mmap of their own. */
#include "check.h"

#include <errno.h>
#include <sodium.h>
#include <sys/mman.h>

#include "preload/hash_memory.h"

enum { SIZE = 1 << 20 };

static void *
map(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

static bool
is_mapped(void *at)
{
	return msync(at, SIZE, MS_ASYNC) == 0 || errno != ENOMEM;
}

static void
a_mapping_is_kept_wiped_for_the_next_of_its_size(void **state)
{
	unsigned char *first, *second;

	hash_memory_keep(true);
	first = map(SIZE);
	memset(first, 0xaa, SIZE);
	assert_int_equal(munmap(first, SIZE), 0);
	assert_true(is_mapped(first));
	assert_true(sodium_is_zero(first, SIZE));
	second = map(SIZE);
	assert_ptr_equal(second, first);
	assert_int_equal(munmap(second, SIZE), 0);
	hash_memory_keep(false);
	hash_memory_release();
	assert_false(is_mapped(first));
}

static void
another_size_takes_its_place(void **state)
{
	void *small, *large;

	hash_memory_keep(true);
	small = map(SIZE);
	munmap(small, SIZE);
	large = map(4 * SIZE);
	munmap(large, 4 * SIZE);
	assert_true(is_mapped(large));
	assert_ptr_equal(map(4 * SIZE), large);
	hash_memory_keep(false);
	hash_memory_release(); /* it is in use */
	assert_true(is_mapped(large));
	munmap(large, 4 * SIZE);
	hash_memory_release();
	assert_false(is_mapped(large));
}

static void
only_one_is_kept_and_only_where_it_was_said(void **state)
{
	void *kept, *other;

	hash_memory_keep(true);
	kept = map(SIZE);
	other = map(SIZE);
	assert_ptr_not_equal(kept, other);
	assert_int_equal(munmap(other, SIZE), 0);
	assert_false(is_mapped(other));
	assert_int_equal(munmap(kept, SIZE), 0);
	hash_memory_keep(false);
	other = map(SIZE);
	assert_ptr_not_equal(kept, other);
	assert_int_equal(munmap(other, SIZE), 0);
	assert_false(is_mapped(other));
	hash_memory_release();
}

static void
libsodium_hashes_in_it(void **state)
{
	static const unsigned char salt[crypto_pwhash_SALTBYTES] = {1};
	unsigned char hash[32], *kept;

	hash_memory_keep(true);
	kept = map(8 * SIZE);
	munmap(kept, 8 * SIZE);
	kept[0] = 0x55;
	assert_int_equal(crypto_pwhash(hash, sizeof(hash), "word", 4, salt, 1, 8 * SIZE,
			     crypto_pwhash_ALG_ARGON2ID13),
	    0);
	hash_memory_keep(false);
	assert_true(is_mapped(kept));
	assert_true(sodium_is_zero(kept, 8 * SIZE)); /* and wiped when it was done */
	hash_memory_release();
}

static void
hashes_are_what_they_are_without_it(void **state)
{
	static const unsigned char salt[crypto_pwhash_SALTBYTES] = {1};
	unsigned char without[32], with[32];

	for (unsigned long long passes = 1; passes <= 3; passes++) {
		assert_int_equal(crypto_pwhash(without, sizeof(without), "word", 4, salt, passes,
				     8 * SIZE, crypto_pwhash_ALG_ARGON2ID13),
		    0);
		hash_memory_keep(true);
		assert_int_equal(crypto_pwhash(with, sizeof(with), "word", 4, salt, passes,
				     8 * SIZE, crypto_pwhash_ALG_ARGON2ID13),
		    0);
		hash_memory_keep(false);
		assert_memory_equal(with, without, sizeof(with));
	}
	hash_memory_release();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_mapping_is_kept_wiped_for_the_next_of_its_size),
	    cmocka_unit_test(another_size_takes_its_place),
	    cmocka_unit_test(only_one_is_kept_and_only_where_it_was_said),
	    cmocka_unit_test(libsodium_hashes_in_it),
	    cmocka_unit_test(hashes_are_what_they_are_without_it),
	};

	return sodium_init() == -1 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
