/*
 * Bodies of the vault's routes (vault.h).
 */
#include "features/vault.h"

enum { VALUE_BYTES_MAX = 256 }; /* far more than any valid value; SQL wants exact sizes */

static const struct field recovery_fields[] = {
    {"recoveryWrappedMk", FIELD_ANY, 0, .offset = FIELD_NOWHERE, .max = VALUE_BYTES_MAX},
    {"recoveryIv", FIELD_ANY, 0, .offset = FIELD_NOWHERE, .max = VALUE_BYTES_MAX},
    {"commitment", FIELD_ANY, 0, .offset = FIELD_NOWHERE, .max = VALUE_BYTES_MAX},
    {"generation", FIELD_ANY, 0, .offset = FIELD_NOWHERE, .max = VALUE_BYTES_MAX},
    {NULL},
};
const struct schema vault_recovery_schema = {recovery_fields, 0};

static const struct field zero_knowledge_fields[] = {
    {"enable", FIELD_ANY, 0, .offset = FIELD_NOWHERE, .max = VALUE_BYTES_MAX},
    {"masterKey", FIELD_ANY, 0, .offset = FIELD_NOWHERE, .max = VALUE_BYTES_MAX},
    {NULL},
};
const struct schema vault_zero_knowledge_schema = {zero_knowledge_fields, 0};

/* POST /rotate and DELETE /recovery-wrap, which also work without a body. */
static const struct field change_fields[] = {
    {"commitment", FIELD_ANY, 0, .offset = FIELD_NOWHERE, .max = VALUE_BYTES_MAX},
    {NULL},
};
const struct schema vault_change_schema = {change_fields, 0};

static const struct field restore_fields[] = {
    {"id", FIELD_ANY, 0, .offset = FIELD_NOWHERE, .max = VALUE_BYTES_MAX},
    {NULL},
};
const struct schema vault_restore_schema = {restore_fields, 0};
