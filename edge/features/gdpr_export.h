/*
 * A user's data to take along (GDPR, articles 15 and 20): GET /me/data/export.
 */
#ifndef MANA_GDPR_EXPORT_H
#define MANA_GDPR_EXPORT_H

#include "http/request.h"

step_fn gdpr_export;

#endif
