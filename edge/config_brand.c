/* How the hosted pages look, out of the environment (config_brand.h). */
#include "config_brand.h"

#include "base64.h"
#include "config.h"
#include "uri.h"

enum { LOGO_BYTES_MAX = 32 * 1024 };

static bool is_url(struct str text);
static bool refused(FILE *problems, const char *name, const char *should_be);

/* The colour goes into a style sheet, the logo into a page: a data: URI, so that no page loads
 * anything. */
bool
config_brand_read(struct str logo_file, FILE *problems)
{
	static char logo[LOGO_BYTES_MAX], uri[BASE64_LENGTH(LOGO_BYTES_MAX) + 32];
	struct buf out = BUF_ON(uri);
	struct str color = config.brand_color;
	bool is_svg = str_ends(logo_file, STR(".svg"));
	size_t count;
	FILE *file;

	if (color.len != 7 || color.p[0] != '#' ||
	    strspn(color.p + 1, "0123456789abcdefABCDEF") != 6)
		return refused(problems, "BRAND_COLOR", "a colour such as #4f46e5");
	if (config.brand_imprint.len > 0 && !is_url(config.brand_imprint))
		return refused(problems, "BRAND_IMPRINT_URL", "a URL");
	if (config.brand_privacy.len > 0 && !is_url(config.brand_privacy))
		return refused(problems, "BRAND_PRIVACY_URL", "a URL");
	if (logo_file.len == 0)
		return true;
	file = fopen(logo_file.p, "re");
	if (file == NULL)
		return refused(problems, "BRAND_LOGO_FILE", "a file that can be read");
	count = fread(logo, 1, sizeof(logo), file);
	fclose(file);
	if (count == 0 || count == sizeof(logo) || !(is_svg || str_ends(logo_file, STR(".png"))))
		return refused(
		    problems, "BRAND_LOGO_FILE", "a .png or .svg file of at most 32 KiB");
	buf_str(&out, is_svg ? STR("data:image/svg+xml;base64,") : STR("data:image/png;base64,"));
	base64_encode(&out, logo, count);
	config.brand_logo = buf_view(&out);
	return true;
}

static bool
is_url(struct str text)
{
	char memory[256];
	struct buf origin = BUF_ON(memory);

	return uri_origin(&origin, text);
}

static bool
refused(FILE *problems, const char *name, const char *should_be)
{
	fprintf(problems, "%s must be %s\n", name, should_be);
	return false;
}
