/* Signed queries of hosted pages (page_query.h). */
#include "gates/page_query.h"

#include "base64.h"
#include "keys/signing.h"

enum { ENCODED_SIGNATURE = 3 * BASE64_LENGTH(DIGEST_BYTES) + 8 };

static const struct str list = {.p = "ba_param", .len = 8};

static bool is_signed(const struct form *given, struct str name);
static bool signature_matches(struct str text, struct str signature);
static void write_signature(struct buf *out, struct str text);

const struct page_query *
page_query_read(struct request *r, struct str text)
{
	struct form *given = arena_alloc(&r->arena, sizeof(*given));
	struct buf memory = arena_buf(&r->arena, text.len + 1);

	if (str_starts(text, STR("?")))
		text = str_skip(text, 1);
	if (text.len == 0 || text.len > PAGE_QUERY_BYTES_MAX ||
	    form_read(given, &memory, text) != FORM_OK)
		return NULL;
	return page_query_of(r, given);
}

/* The signature is that of the canonical text of the signed pairs: how the names and values came
 * encoded does not matter. */
const struct page_query *
page_query_of(struct request *r, const struct form *given)
{
	struct page_query *query = arena_alloc(&r->arena, sizeof(*query));
	struct buf text = arena_buf(&r->arena, 3 * PAGE_QUERY_BYTES_MAX + ENCODED_SIGNATURE);

	query->form.count = 0;
	if (form_repeated(given, list).p != NULL || !is_signed(given, list))
		return NULL;
	for (size_t i = 0; i < given->count; i++) {
		const struct form_pair *pair = &given->pairs[i];

		if (!is_signed(given, pair->name))
			continue;
		form_append(&text, pair->name, pair->value);
		if (!str_equal(pair->name, list))
			query->form.pairs[query->form.count++] = *pair;
	}
	if (!buf_ok(&text) || !signature_matches(buf_view(&text), form_value(given, STR("sig"))))
		return NULL;
	page_query_sign(&text, buf_view(&text));
	query->text = buf_view(&text);
	return query;
}

static bool
is_signed(const struct form *given, struct str name)
{
	for (size_t i = 0; i < given->count; i++)
		if (str_equal(given->pairs[i].name, list) && str_equal(given->pairs[i].value, name))
			return true;
	return false;
}

/* Some clients send the + of base64 as it is, which a form reads as a space. */
static bool
signature_matches(struct str text, struct str signature)
{
	char memory[BASE64_LENGTH(DIGEST_BYTES) + 1], given[BASE64_LENGTH(DIGEST_BYTES)];
	struct buf wanted = BUF_ON(memory);

	if (signature.len != sizeof(given))
		return false;
	for (size_t i = 0; i < sizeof(given); i++)
		given[i] = signature.p[i] == ' ' ? '+' : signature.p[i];
	write_signature(&wanted, text);
	return digest_equal(buf_view(&wanted), (struct str){.p = given, .len = sizeof(given)});
}

static void
write_signature(struct buf *out, struct str text)
{
	struct digest mac;

	signing_page_query_mac(&mac, text);
	base64_encode(out, mac.bytes, sizeof(mac.bytes));
}

struct str
page_query_value(const struct page_query *query, struct str name)
{
	return query != NULL ? form_value(&query->form, name) : STR_NONE;
}

void
page_query_sign(struct buf *out, struct str query)
{
	char memory[BASE64_LENGTH(DIGEST_BYTES) + 1];
	struct buf signature = BUF_ON(memory);

	write_signature(&signature, query);
	form_append(out, STR("sig"), buf_view(&signature));
}
