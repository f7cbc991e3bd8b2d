/* SQLSTATE class MA plus an HTTP status: how the extension raises what is not an ordinary refusal.
 */
#ifndef MANA_ERRORS_H
#define MANA_ERRORS_H

#include "utils/elog.h"

#define MANA_ERRCODE(status)                                                                       \
	MAKE_SQLSTATE('M', 'A', '0' + (status) / 100, '0' + (status) / 10 % 10, '0' + (status) % 10)

#endif
