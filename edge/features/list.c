/* Pages of lists: what the relayed routes take (list.h). */
#include "features/list.h"

enum { LIMIT_MAX = 1000, OFFSET_MAX = 1000000 };

static const struct field page_fields[] = {
    {"limit", FIELD_INT, 0, .offset = FIELD_NOWHERE, .min = 1, .max = LIMIT_MAX},
    {"offset", FIELD_INT, 0, .offset = FIELD_NOWHERE, .min = 0, .max = OFFSET_MAX},
    {NULL},
};
const struct schema list_page_schema = {page_fields, 0};
