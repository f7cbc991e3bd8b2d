/* Requests for targets whose parser takes a struct request: made as the edge's dispatcher makes
 * them, and answered without Kore. */
#ifndef MANA_FUZZ_EDGE_REQUEST_H
#define MANA_FUZZ_EDGE_REQUEST_H

#include "fuzz.h"
#include "http/request.h"
#include "routes.h"

/* Reads a configuration without the environment, and starts the signer of cookies; once. */
void edge_start(void);
/* A request for a route; edge_request_end gives it back. */
struct request *edge_request(const struct route *route);
void edge_request_end(struct request *r);
/* Adds a header; what the HTTP parser would refuse in a value ends it. `name` is in lower case. */
void edge_header(struct request *r, const char *name, struct str value);
/* The status that was answered; 0: none. */
int edge_status(const struct request *r);
/* Whether a header could not be sent, which makes the answer a 500. */
bool edge_is_broken(const struct request *r);
/* A header of the answer; STR_NONE: it has none. */
struct str edge_answer_header(const struct request *r, const char *name);
/* Whether the answer says that it is JSON. */
bool edge_answer_is_json(const struct request *r);
/* The body of the answer. */
struct str edge_answer_body(const struct request *r);
/* Takes the text up to the next newline off *rest; empty at the end. */
struct str edge_line(struct str *rest);

#endif
