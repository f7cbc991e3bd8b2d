/*
 * The hosted pages: a template of words (words.def, by the language of the client) and values,
 * inside the layout with the brand. No script but what {script} names, nothing from elsewhere;
 * every value is escaped by the template engine.
 */
#ifndef MANA_HOSTED_H
#define MANA_HOSTED_H

#include "embed.h"
#include "http/request.h"
#include "template.h"

enum word {
#define WORD(name, german, english) WORD_##name,
#include "pages/words.def"
#undef WORD
	WORD_COUNT
};

/* In the language of the client. */
struct str hosted_word(const struct request *r, enum word word);
/* What is said of an error on the page of a form. */
enum word hosted_error_word(enum error e);
/* Answers with a page. `target`: where its form may lead in the end, a URL; STR_NONE: to us. */
enum step hosted_show(struct request *r, int status, struct embedded page, struct str title,
    struct str target, const struct template_value *values, size_t count);
/* Answers with a heading and a text, and with a link to the sign-in: a button if it is
 * WORD_login_button, none if it is WORD_COUNT. */
enum step
hosted_message(struct request *r, int status, enum word heading, enum word text, enum word link);
/* {script}: one of ours by its path, which alone makes the page's policy allow scripts; NULL: none.
 */
struct template_value hosted_script(struct request *r, const char *path);
/* Answers with a heading and a text of the caller's own, and with a button that leads to `href`
 * unless that is STR_NONE. */
enum step hosted_say(struct request *r, int status, struct str heading, struct str text,
    struct str href, enum word label);
/* Answers with a heading and a text, and with markup below them. */
enum step
hosted_explain(struct request *r, int status, enum word heading, enum word text, struct str markup);
/* {alert}: what went wrong, as markup; empty for WORD_COUNT. */
struct template_value hosted_alert(struct request *r, enum word word);

#endif
