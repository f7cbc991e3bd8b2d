/*
 * Accept-Language (RFC 9110 sections 12.4.2 and 12.5.4; RFC 4647 section 3.3.1) for the two
 * languages of the pages and mails, and ui_locales of an authorization request (OpenID Connect Core
 * section 3.1.2.1), which comes before it.
 */
#include "http/locale.h"

#include "config.h"
#include "gates/page_query.h"

enum { LANGUAGES = 2, UNNAMED = -1, WEIGHT_MAX = 1000 };

static const struct str languages[LANGUAGES] = {{.p = "de", .len = 2}, {.p = "en", .len = 2}};

static struct str first_of(struct str tags);
static struct str best_of(struct str header);
static struct str unnamed(const int weights[static LANGUAGES], int any);
static int read_weight(struct str parameters);
static bool read_thousandths(int *weight, struct str value);
static bool is_in(struct str tag, struct str language);
static struct str trimmed(struct str text);

struct str
locale_of(const struct request *r)
{
	struct str wished = r->waiting != NULL
				? first_of(form_value(&r->waiting->form, STR("ui_locales")))
				: STR_NONE;

	return wished.p != NULL ? wished : best_of(request_header(r, STR("accept-language")));
}

/* The first of the tags, which a space separates, that is one of ours; STR_NONE: none is. */
static struct str
first_of(struct str tags)
{
	struct str tag;

	while (tags.len > 0) {
		(void)str_cut(&tag, &tags, tags, ' '); /* the last one ends the list */
		for (int i = 0; i < LANGUAGES; i++)
			if (is_in(tag, languages[i]))
				return languages[i];
	}
	return STR_NONE;
}

static struct str
best_of(struct str header)
{
	int weights[LANGUAGES] = {UNNAMED, UNNAMED}, any = UNNAMED, most = 0;
	struct str item, range, parameters, best = STR_NONE;

	while (header.len > 0) {
		int weight;

		(void)str_cut(&item, &header, header, ',');
		(void)str_cut(&range, &parameters, item, ';');
		range = trimmed(range);
		weight = read_weight(parameters);
		if (weight < 0)
			continue;
		if (str_equal(range, STR("*")))
			any = weight;
		for (int i = 0; i < LANGUAGES; i++) {
			if (!is_in(range, languages[i]))
				continue;
			if (weight > weights[i])
				weights[i] = weight;
			if (weight > most) { /* of equal ones the first */
				most = weight;
				best = languages[i];
			}
		}
	}
	return best.p != NULL && any <= most ? best : unnamed(weights, any);
}

/* No language is named, or "*" is preferred to those that are: the configured one, if it is not the
 * one that the client names. */
static struct str
unnamed(const int weights[static LANGUAGES], int any)
{
	struct str best = config.fallback_language;

	for (int i = 0; i < LANGUAGES; i++) {
		int other = weights[1 - i] != UNNAMED ? weights[1 - i] : any;

		if (str_equal(languages[i], best) && weights[i] != UNNAMED &&
		    (weights[i] < other || (weights[i] == 0 && other == UNNAMED)))
			return languages[1 - i]; /* a weight of 0 is "not acceptable" */
	}
	return best;
}

/* weight = OWS ";" OWS "q=" qvalue. Thousandths; negative: malformed. */
static int
read_weight(struct str parameters)
{
	int weight = WEIGHT_MAX;

	parameters = trimmed(parameters);
	if (parameters.len == 0)
		return weight;
	if (parameters.len < 3 || str_lower(parameters.p[0]) != 'q' || parameters.p[1] != '=' ||
	    !read_thousandths(&weight, str_skip(parameters, 2)))
		return -1;
	return weight;
}

/* qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ) */
static bool
read_thousandths(int *weight, struct str value)
{
	int place = WEIGHT_MAX;

	*weight = 0;
	for (size_t i = 0; i < value.len; i++) {
		if (i == 1 ? value.p[i] != '.' : value.p[i] < '0' || value.p[i] > '9')
			return false;
		if (i == 1)
			continue;
		*weight += (value.p[i] - '0') * place;
		place /= 10;
	}
	return value.len <= sizeof("0.000") - 1 && *weight <= WEIGHT_MAX;
}

/* "de" and "de-AT" are German, "den" is not. */
static bool
is_in(struct str tag, struct str language)
{
	struct str primary = {.p = tag.p, .len = language.len};

	return tag.len >= language.len && str_equal_nocase(primary, language) &&
	       (tag.len == language.len || tag.p[language.len] == '-');
}

static struct str
trimmed(struct str text)
{
	while (text.len > 0 && (text.p[0] == ' ' || text.p[0] == '\t'))
		text = str_skip(text, 1);
	while (text.len > 0 && (text.p[text.len - 1] == ' ' || text.p[text.len - 1] == '\t'))
		text.len--;
	return text;
}
