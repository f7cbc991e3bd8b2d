/* What every test program includes, in cmocka's order. */
#ifndef MANA_CHECK_H
#define MANA_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "str.h"

#define assert_str_is(actual, expected)                                                            \
	do {                                                                                       \
		struct str got_ = (actual);                                                        \
		assert_int_equal(got_.len, strlen(expected));                                      \
		assert_memory_equal(got_.p, expected, got_.len);                                   \
	} while (0)

#endif
