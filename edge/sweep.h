/*
 * What has expired is removed by the database in small batches, at the wish of any edge.
 */
#ifndef MANA_SWEEP_H
#define MANA_SWEEP_H

#include "http/request.h"

/* First step of the background task. */
enum step sweep_expired(struct request *r);

#endif
