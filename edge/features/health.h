/*
 * Whether this worker lives, and whether it can serve.
 */
#ifndef MANA_HEALTH_H
#define MANA_HEALTH_H

#include "http/request.h"

/* GET /health: the worker answers. 200 without a database, too. */
enum step health(struct request *r);
/* GET /health/ready: 503 until the database is reached, all statements are prepared and a signing
 * key is there. */
enum step health_ready(struct request *r);

#endif
