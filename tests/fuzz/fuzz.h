/* What every fuzz target includes. A property that does not hold aborts. */
#ifndef MANA_FUZZ_H
#define MANA_FUZZ_H

#include <stdint.h>
#include <stdlib.h>

#include "str.h"

#define REQUIRE(property)                                                                          \
	do {                                                                                       \
		if (!(property))                                                                   \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
