/*
 * How an error looks: one JSON object in the shape of its route.
 */
#ifndef MANA_ERROR_BODY_H
#define MANA_ERROR_BODY_H

#include "buf.h"
#include "error.h"
#include "routes.h"

/* Appends the body. retry_after_seconds 0: none. details: a JSON object whose members follow on
 * those of the shape; STR_NONE: none. */
void error_body(struct buf *out, enum error_shape shape, const struct error_info *e,
    struct str message, int retry_after_seconds, struct str details);

#endif
