/* The limit of HTTP: Kore answering a constant of the size of our JWKS, and nothing else. */
/* clang-format off: kore.h comes first */
#include <kore/kore.h>
#include <kore/http.h>
/* clang-format on */

int constant(struct http_request *req);

int
constant(struct http_request *req)
{
	static const char body[] =
	    "{\"keys\":[{\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\","
	    "\"kty\":\"OKP\",\"alg\":\"EdDSA\",\"kid\":\"Wq0s0xYb1kVn3o2hJ7tR5uC9pL4eZ8mA\"}]}";

	http_response_header(req, "content-type", "application/json");
	http_response(req, 200, body, sizeof(body) - 1);
	return KORE_RESULT_OK;
}
