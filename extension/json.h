/* The JSON that clients read, for C. */
#ifndef MANA_JSON_H
#define MANA_JSON_H

#include "lib/stringinfo.h"

/* Appends a value as auth.json_object does. */
extern void json_append(StringInfo out, Datum value, Oid type);

#endif
