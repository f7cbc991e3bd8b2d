/*
 * SMTP by libcurl's easy interface. libcurl tells which command the server refused through its
 * debug function alone; smtp_reply.h says what that means. A connection that broke is tried again.
 */
#include "mail/smtp.h"

#include <curl/curl.h>

enum {
	CONNECT_SECONDS = 10,
	DELIVERY_SECONDS = 30,
	URL_BYTES = 512,
	ADDRESS_BYTES = 320,
	SECRET_BYTES = 512,
	IMPLICIT_TLS_PORT = 465
};

/* One conversation, as far as it got. */
struct talk {
	struct str rest; /* of the message, not sent yet */
	enum smtp_phase phase;
	struct smtp_refusal refusal; /* of the last command */
};

static CURLcode conversation(
    CURL *curl, struct curl_slist *recipients, const struct smtp_server *server, struct talk *talk);
static bool
addresses_set(CURL *curl, struct curl_slist **recipients, struct str from, struct str to);
static CURLcode server_set(CURL *curl, const struct smtp_server *server);
static CURLcode login_set(CURL *curl, const struct smtp_server *server);
static enum smtp_result judge(CURLcode code, const struct talk *talk);
static void reason_write(
    struct buf *reason, CURLcode code, const char *detail, const struct smtp_refusal *refusal);
static size_t message_read(char *buffer, size_t size, size_t count, void *data);
static size_t refusal_keep(char *text, size_t size, size_t count, void *data);
static int command_watch(CURL *curl, curl_infotype type, char *text, size_t size, void *data);

bool
smtp_initialise(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

enum smtp_result
smtp_send(const struct smtp_server *server, struct str from, struct str to, struct str message,
    struct buf *reason)
{
	char detail[CURL_ERROR_SIZE] = "";
	struct talk talk = {.rest = message, .phase = SMTP_AT_GREETING};
	struct curl_slist *recipients = NULL;
	CURL *curl = curl_easy_init();
	enum smtp_result result = SMTP_FAILED;
	CURLcode code = CURLE_OUT_OF_MEMORY;

	if (curl != NULL && addresses_set(curl, &recipients, from, to)) {
		(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail); /* never fails */
		code = conversation(curl, recipients, server, &talk);
		result = judge(code, &talk);
	}
	if (result != SMTP_ACCEPTED)
		reason_write(reason, code, detail, &talk.refusal);
	curl_slist_free_all(recipients);
	curl_easy_cleanup(curl);
	return result;
}

static CURLcode
conversation(
    CURL *curl, struct curl_slist *recipients, const struct smtp_server *server, struct talk *talk)
{
	CURLcode code = server_set(curl, server);

#define SET(option, value)                                                                         \
	if (code == CURLE_OK)                                                                      \
	code = curl_easy_setopt(curl, option, value)
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
	SET(CURLOPT_TIMEOUT, (long)DELIVERY_SECONDS);
	SET(CURLOPT_MAIL_RCPT, recipients);
	SET(CURLOPT_UPLOAD, 1L);
	SET(CURLOPT_READFUNCTION, message_read);
	SET(CURLOPT_READDATA, talk);
	SET(CURLOPT_HEADERFUNCTION, refusal_keep);
	SET(CURLOPT_HEADERDATA, talk);
	SET(CURLOPT_WRITEFUNCTION, refusal_keep);
	SET(CURLOPT_WRITEDATA, talk);
	SET(CURLOPT_DEBUGFUNCTION, command_watch);
	SET(CURLOPT_DEBUGDATA, talk);
	SET(CURLOPT_VERBOSE, 1L); /* calls the debug function, and prints nothing then */
#undef SET
	return code == CURLE_OK ? curl_easy_perform(curl) : code;
}

static bool
addresses_set(CURL *curl, struct curl_slist **recipients, struct str from, struct str to)
{
	char text[ADDRESS_BYTES];
	struct buf address = BUF_ON(text);
	const char *sender, *recipient;

	buf_char(&address, '<');
	buf_str(&address, from);
	buf_char(&address, '>');
	sender = buf_cstr(&address);
	if (sender == NULL || curl_easy_setopt(curl, CURLOPT_MAIL_FROM, sender) != CURLE_OK)
		return false;
	buf_wipe(&address);
	buf_char(&address, '<');
	buf_str(&address, to);
	buf_char(&address, '>');
	recipient = buf_cstr(&address);
	if (recipient == NULL)
		return false;
	*recipients = curl_slist_append(NULL, recipient);
	return *recipients != NULL;
}

static CURLcode
server_set(CURL *curl, const struct smtp_server *server)
{
	bool implicit = server->tls == SMTP_TLS_IMPLICIT ||
			(server->tls == SMTP_TLS_AUTO && server->port == IMPLICIT_TLS_PORT);
	/* Opportunistic where nothing was said, but never a password in clear. */
	long starttls = server->tls == SMTP_TLS_STARTTLS ? CURLUSESSL_ALL
			: server->tls == SMTP_TLS_OFF    ? CURLUSESSL_NONE
			: server->user.len > 0           ? CURLUSESSL_ALL
							 : CURLUSESSL_TRY;
	bool is_v6 = str_has(server->host, ':');
	char text[URL_BYTES];
	struct buf url = BUF_ON(text);
	const char *url_text;
	CURLcode code;

	buf_str(&url, implicit ? STR("smtps://") : STR("smtp://"));
	buf_str(&url, is_v6 ? STR("[") : STR(""));
	buf_str(&url, server->host);
	buf_str(&url, is_v6 ? STR("]") : STR(""));
	buf_char(&url, ':');
	buf_int(&url, server->port);
	buf_char(&url, '/');
	buf_str(&url, server->helo_name);
	url_text = buf_cstr(&url);
	if (url_text == NULL)
		return CURLE_URL_MALFORMAT;
	code = curl_easy_setopt(curl, CURLOPT_URL, url_text);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, implicit ? "smtps" : "smtp");
	if (code == CURLE_OK && !implicit)
		code = curl_easy_setopt(curl, CURLOPT_USE_SSL, starttls);
	if (code == CURLE_OK && server->insecure_tls) {
		code = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
		if (code == CURLE_OK)
			code = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	return code == CURLE_OK ? login_set(curl, server) : code;
}

static CURLcode
login_set(CURL *curl, const struct smtp_server *server)
{
	char text[SECRET_BYTES];
	struct buf secret = BUF_ON(text);
	const char *value;
	CURLcode code;

	if (server->user.len == 0)
		return CURLE_OK;
	buf_str(&secret, server->user);
	value = buf_cstr(&secret);
	code = value == NULL ? CURLE_LOGIN_DENIED : curl_easy_setopt(curl, CURLOPT_USERNAME, value);
	buf_wipe(&secret);
	if (code != CURLE_OK)
		return code;
	buf_str(&secret, server->password);
	value = buf_cstr(&secret);
	code = value == NULL ? CURLE_LOGIN_DENIED : curl_easy_setopt(curl, CURLOPT_PASSWORD, value);
	buf_wipe(&secret);
	return code;
}

static enum smtp_result
judge(CURLcode code, const struct talk *talk)
{
	switch (code) {
	case CURLE_OK:
		return SMTP_ACCEPTED;
	case CURLE_PEER_FAILED_VERIFICATION: /* the certificate */
	case CURLE_USE_SSL_FAILED:           /* no STARTTLS where it is required */
	case CURLE_URL_MALFORMAT:
		return SMTP_MISCONFIGURED;
	case CURLE_LOGIN_DENIED: /* without a refusal: no mechanism of AUTH that we know */
		return talk->refusal.len > 0 ? smtp_judge(talk->phase, &talk->refusal)
					     : SMTP_MISCONFIGURED;
	default:
		return smtp_judge(talk->phase, &talk->refusal);
	}
}

static void
reason_write(
    struct buf *reason, CURLcode code, const char *detail, const struct smtp_refusal *refusal)
{
	struct str what = str_from(detail[0] != '\0' ? detail : curl_easy_strerror(code));

	buf_str(reason, what);
	if (refusal->len == 0)
		return;
	buf_str(reason, STR("; the server said: "));
	buf_str(reason, (struct str){.p = refusal->text, .len = refusal->len});
}

static size_t
message_read(char *buffer, size_t size, size_t count, void *data)
{
	struct talk *talk = data;
	size_t bytes = size * count < talk->rest.len ? size * count : talk->rest.len;

	if (bytes > 0)
		memcpy(buffer, talk->rest.p, bytes);
	talk->rest = str_skip(talk->rest, bytes);
	return bytes;
}

static size_t
refusal_keep(char *text, size_t size, size_t count, void *data)
{
	struct talk *talk = data;

	smtp_refusal_keep(&talk->refusal, (struct str){.p = text, .len = size * count});
	return size * count;
}

/* The QUIT behind a refusal does not take its place. */
static int
command_watch(CURL *curl, curl_infotype type, char *text, size_t size, void *data)
{
	struct talk *talk = data;
	struct str command = {.p = text, .len = size};

	(void)curl;
	if (type != CURLINFO_HEADER_OUT || str_starts(command, STR("QUIT")))
		return 0;
	talk->phase = smtp_phase_after(talk->phase, command);
	talk->refusal.len = 0;
	return 0;
}
