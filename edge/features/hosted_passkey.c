/* Passkeys on the sign-in page: the one script that a page of ours has (hosted.h). */
#include "features/hosted.h"

#include "embed.h"
#include "http/reply.h"

EMBED(passkey_js, "pages/passkey.js");

enum step
hosted_passkey_script(struct request *r)
{
	reply_header(r, "cache-control", STR("public, max-age=300"));
	return reply_script(r, embedded_text((struct embedded)EMBEDDED(passkey_js)));
}
