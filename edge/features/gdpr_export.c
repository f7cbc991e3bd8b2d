/*
 * GET /me/data/export: SQL writes the body piece by piece (auth_api.gdpr_export), and each piece is
 * made when the client has taken the one before. So neither the database nor the edge ever holds
 * more than a piece, however much there is and however slowly it is read.
 */
#include "features/gdpr_export.h"

#include <time.h>

#include "db/db.h"
#include "features/gdpr.h"
#include "http/reply.h"

enum column { REFUSAL, MESSAGE, PIECE, NEXT };

static enum step begin(struct request *r);
static enum step first_piece_made(struct request *r);
static enum step piece_made(struct request *r);
static enum step piece_taken(struct request *r);

enum step
gdpr_export(struct request *r)
{
	return gdpr_ask_credits(r, begin);
}

static enum step
begin(struct request *r)
{
	return db_call(
	    r, CALL_GDPR_EXPORT, first_piece_made, db_text(r, gdpr_credits(r)), db_null());
}

static enum step
first_piece_made(struct request *r)
{
	char text[64];
	time_t now = time(NULL);
	struct tm utc;
	size_t length;

	if (row_text(r->answer, 0, REFUSAL).p != NULL)
		return piece_made(r);
	length = strftime(text, sizeof(text), "attachment; filename=\"meine-daten-%Y-%m-%d.json\"",
	    gmtime_r(&now, &utc));
	reply_header(r, "content-disposition", (struct str){.p = text, .len = length});
	return piece_made(r);
}

static enum step
piece_made(struct request *r)
{
	struct str refusal = row_text(r->answer, 0, REFUSAL);
	struct str piece = row_text(r->answer, 0, PIECE);

	if (refusal.p != NULL)
		return reply_refusal(r, error_by_name(refusal), row_text(r->answer, 0, MESSAGE), 0);
	if (row_text(r->answer, 0, NEXT).p == NULL)
		return reply_stream_end(r, piece);
	return reply_stream(r, piece, piece_taken);
}

/* The answer is still the piece's. */
static enum step
piece_taken(struct request *r)
{
	return db_call(
	    r, CALL_GDPR_EXPORT, piece_made, db_null(), db_text(r, row_text(r->answer, 0, NEXT)));
}
