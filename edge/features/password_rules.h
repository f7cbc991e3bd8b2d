/*
 * Limits of a new password.
 */
#ifndef MANA_PASSWORD_RULES_H
#define MANA_PASSWORD_RULES_H

#include "error.h"
#include "http/request.h"

enum { PASSWORD_UNITS_MIN = 8, PASSWORD_UNITS_MAX = 128 };

/* OK, or why a new password is refused, in the words of the route's dialect. */
enum error password_length_problem(const struct request *r, struct str plain) MUST_USE;

#endif
