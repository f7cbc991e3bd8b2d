/*
 * What there is about a user, for the user (GDPR, articles 15, 17 and 20): GET /me/data.
 */
#ifndef MANA_GDPR_H
#define MANA_GDPR_H

#include "http/request.h"

step_fn gdpr_data;

#endif
