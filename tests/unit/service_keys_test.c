/* Service keys: names and keys out of a list, and nobody found by half a key. */
#include "check.h"

#include "service_keys.h"

static void
keys_have_names_or_the_default(void **state)
{
	struct service_keys keys;

	assert_true(service_keys_read(
	    &keys, STR("credits:0123456789abcdef, plain-key-0123456789,credits:newer,, sync:a:b")));
	assert_int_equal(keys.count, 4);
	assert_str_is(keys.items[0].key, "0123456789abcdef");
	assert_str_is(service_keys_find(&keys, STR("0123456789abcdef")), "credits");
	assert_str_is(service_keys_find(&keys, STR("newer")), "credits");
	assert_str_is(service_keys_find(&keys, STR("plain-key-0123456789")), "default");
	assert_str_is(service_keys_find(&keys, STR("a:b")), "sync");
}

static void
nobody_is_found_by_what_is_no_key(void **state)
{
	struct service_keys keys;

	assert_true(service_keys_read(&keys, STR("credits:0123456789abcdef,Upper Case:key")));
	assert_null(service_keys_find(&keys, STR("0123456789abcde")).p);
	assert_null(service_keys_find(&keys, STR("0123456789abcdef ")).p);
	assert_null(service_keys_find(&keys, STR("credits:0123456789abcdef")).p);
	assert_null(service_keys_find(&keys, STR("")).p);
	assert_null(service_keys_find(&keys, STR_NONE).p);
	assert_str_is(service_keys_find(&keys, STR("Upper Case:key")), "default");
}

static void
lists_without_a_key_are_refused(void **state)
{
	struct service_keys keys;
	char many[SERVICE_KEYS_MAX * 2 + 3];

	assert_false(service_keys_read(&keys, STR("")));
	assert_false(service_keys_read(&keys, STR(" , ,")));
	assert_false(service_keys_read(&keys, STR("credits:")));
	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = i % 2 == 0 ? 'k' : ',';
	assert_true(service_keys_read(&keys, (struct str){.p = many, .len = SERVICE_KEYS_MAX * 2}));
	assert_false(service_keys_read(&keys, (struct str){.p = many, .len = sizeof(many)}));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_have_names_or_the_default),
	    cmocka_unit_test(nobody_is_found_by_what_is_no_key),
	    cmocka_unit_test(lists_without_a_key_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
