/* The look of the pages (brand.h). */
#include "pages/brand.h"

#include <math.h>
#include <stdlib.h>

#include "base64.h"
#include "config.h"
#include "digest.h"
#include "embed.h"
#include "template.h"

enum { STYLE_BYTES_MAX = 12 * 1024, LOGO_MARKUP_MAX = 48 * 1024, INITIAL_BYTES_MAX = 4 };

EMBED(page_css, "pages/page.css");

static void prepare(struct brand *b);
static struct str style(void);
static struct str logo(void);
static struct str initial(struct str name);
static double luminance(struct str color);
static double channel(struct str color, size_t at);

const struct brand *
brand(void)
{
	static struct brand prepared;

	if (prepared.style.p == NULL)
		prepare(&prepared);
	return &prepared;
}

static void
prepare(struct brand *b)
{
	static char hash_memory[BASE64_LENGTH(DIGEST_BYTES) + 1];
	struct buf hash = BUF_ON(hash_memory);
	struct digest digest;

	b->style = style();
	digest_sha256(&digest, b->style);
	base64_encode(&hash, digest.bytes, sizeof(digest.bytes));
	b->style_hash = buf_view(&hash);
	b->logo = logo();
	b->icon = config.brand_logo.len > 0 ? config.brand_logo : STR("data:,");
}

/* The colour has been checked when the configuration was read. */
static struct str
style(void)
{
	static char memory[STYLE_BYTES_MAX];
	struct buf out = BUF_ON(memory);
	struct str missing;
	const struct template_value values[] = {
	    {.name = "color", .value = config.brand_color},
	    {.name = "on_color", .value = brand_ink_on(config.brand_color)},
	};

	if (!template_render(&out, &missing, embedded_text((struct embedded)EMBEDDED(page_css)),
		TEMPLATE_TEXT, values, 2))
		abort(); /* it is ours, and fits */
	return buf_view(&out);
}

/* Without a logo, the first letter of the name. */
static struct str
logo(void)
{
	static char memory[LOGO_MARKUP_MAX];
	struct buf out = BUF_ON(memory);
	struct str missing;
	const struct template_value values[] = {
	    {.name = "image", .value = config.brand_logo}, /* base64 */
	    {.name = "initial", .value = initial(config.brand_name)},
	};

	if (!template_render(&out, &missing,
		config.brand_logo.len > 0
		    ? STR("<img alt=\"\" src=\"{image}\">")
		    : STR("<span class=\"mark\" aria-hidden=\"true\">{initial}</span>"),
		TEMPLATE_HTML, values, 2))
		abort();
	return buf_view(&out);
}

/* Its first character; UTF-8 goes on with bytes 10xxxxxx. */
static struct str
initial(struct str name)
{
	size_t count = name.len > 0 ? 1 : 0;

	while (count > 0 && count < name.len && count < INITIAL_BYTES_MAX &&
	       ((unsigned char)name.p[count] & 0xc0) == 0x80)
		count++;
	return (struct str){.p = name.p, .len = count};
}

/* The contrast to white is 1.05 / (l + 0.05), to black (l + 0.05) / 0.05. Where they are the same
 * it is 4.58: the better one is always above the 4.5 of WCAG 2.2, 1.4.3. */
struct str
brand_ink_on(struct str color)
{
	double l = luminance(color) + 0.05;

	return 1.05 / l >= l / 0.05 ? STR("#ffffff") : STR("#000000");
}

/* WCAG 2.2, relative luminance. */
static double
luminance(struct str color)
{
	return 0.2126 * channel(color, 1) + 0.7152 * channel(color, 3) + 0.0722 * channel(color, 5);
}

/* Two hexadecimal digits as linear light. */
static double
channel(struct str color, size_t at)
{
	char digits[3] = {color.p[at], color.p[at + 1], '\0'};
	double value = (double)strtoul(digits, NULL, 16) / 255.0;

	return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}
