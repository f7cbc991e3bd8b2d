/* The look of the hosted pages: whatever colour a brand has, what stands on it can be read. */
#include "check.h"

#include <math.h>
#include <stdio.h>

#include "config.h"
#include "pages/brand.h"

enum { STEP = 15 };

static double
linear(int value)
{
	double v = value / 255.0;

	return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double
contrast(int red, int green, int blue, bool to_white)
{
	double l = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue) + 0.05;

	return to_white ? 1.05 / l : l / 0.05;
}

/* WCAG 2.2, 1.4.3: 4.5 to 1 */
static void
text_on_every_colour_can_be_read(void **state)
{
	for (int red = 0; red <= 255; red += STEP)
		for (int green = 0; green <= 255; green += STEP)
			for (int blue = 0; blue <= 255; blue += STEP) {
				char color[8];
				bool white;

				snprintf(color, sizeof(color), "#%02x%02X%02x", (unsigned)red,
				    (unsigned)green, (unsigned)blue);
				white = str_equal(brand_ink_on(str_from(color)), STR("#ffffff"));
				if (contrast(red, green, blue, white) < 4.5)
					fail_msg("%s on %s", white ? "white" : "black", color);
			}
	assert_str_is(brand_ink_on(STR("#4f46e5")), "#ffffff");
	assert_str_is(brand_ink_on(STR("#ffd60a")), "#000000");
}

static void
the_look_has_the_colour_the_initial_and_no_place_left_open(void **state)
{
	const struct brand *b;

	config.brand_name = STR("\xc3\x84pfel");
	config.brand_color = STR("#ffd60a");
	config.brand_logo = STR_NONE;
	b = brand();
	assert_non_null(strstr(b->style.p, "--accent: #ffd60a; --on-accent: #000000;"));
	assert_null(strstr(b->style.p, "{color}"));
	assert_non_null(strstr(b->logo.p, ">\xc3\x84</span>"));
	assert_str_is(b->icon, "data:,");
	assert_int_equal(b->style_hash.len, 44);
	assert_ptr_equal(brand(), b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_on_every_colour_can_be_read),
	    cmocka_unit_test(the_look_has_the_colour_the_initial_and_no_place_left_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
