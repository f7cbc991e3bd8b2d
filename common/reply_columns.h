/* Columns of auth.reply (sql/schema/types.sql), as the extension fills and the edge reads them. */
#ifndef MANA_REPLY_COLUMNS_H
#define MANA_REPLY_COLUMNS_H

enum reply_column {
	REPLY_REFUSAL,
	REPLY_MESSAGE,
	REPLY_RETRY_AFTER,
	REPLY_STATUS,
	REPLY_BODY,
	REPLY_LOCATION,
	REPLY_COOKIES,
	REPLY_CLAIMS,
	REPLY_SIGN_QUERY,
	REPLY_SECOND_FACTOR_ASKED,
	REPLY_COLUMNS
};

#endif
