/* The end of an answer of libpq. Nothing else in the edge calls PQclear. */
#ifndef MANA_RESULT_H
#define MANA_RESULT_H

#include <libpq-fe.h>

/*
 * Frees a result, or NULL, after overwriting each of its values: libpq frees memory as it is, and
 * many answers hold secrets (signing keys, vault keys, TOTP URIs, arguments of mails).
 */
void result_free(PGresult *result);

#endif
