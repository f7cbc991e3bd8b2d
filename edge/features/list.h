/*
 * Pages of lists: limit and offset, for relayed routes that take nothing else.
 */
#ifndef MANA_FEATURE_LIST_H
#define MANA_FEATURE_LIST_H

#include "routes.h"

extern const struct schema list_page_schema;

#endif
