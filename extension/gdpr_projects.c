/* The apps and the names of their tables (gdpr_projects.h). */
#include "postgres.h"

#include "gdpr_projects.h"
#include "lib/stringinfo.h"

#define LISTED 23

/* clang-format off */
const struct project projects[] = {
	{"todo",        "Todo",        "✅"},
	{"chat",        "ManaChat",    "💬"},
	{"calendar",    "Kalender",    "📅"},
	{"clock",       "Clock",       "⏰"},
	{"contacts",    "Kontakte",    "👤"},
	{"cards",       "Cards",       "🃏"},
	{"picture",     "ManaPicture", "🎨"},
	{"quotes",      "Quotes",      "✨"},
	{"presi",       "Presi",       "📊"},
	{"inventory",   "Inventar",    "📦"},
	{"food",        "Food",        "🥗"},
	{"plants",      "Plants",      "🌱"},
	{"storage",     "Storage",     "☁️"},
	{"questions",   "Questions",   "❓"},
	{"music",       "Music",       "🎵"},
	{"context",     "Context",     "📄"},
	{"photos",      "Photos",      "📷"},
	{"skilltree",   "SkillTree",   "🌳"},
	{"citycorners", "CityCorners", "🏙️"},
	{"times",       "Taktik",      "⏱️"},
	{"uload",       "uLoad",       "🔗"},
	{"calc",        "Calc",        "🧮"},
	{"mana",        "Mana",        "💎"},
	/* what four of them were called before */
	{"zitare",      "Zitare",      "✨"},
	{"inventar",    "Inventar",    "📦"},
	{"nutriphi",    "Nutriphi",    "🥗"},
	{"planta",      "Planta",      "🌱"},
};
/* clang-format on */
const int projects_listed = LISTED;

StaticAssertDecl(lengthof(projects) >= LISTED, "the listed ones are there");

const struct project *
project_find(const char *id)
{
	for (int i = 0; i < lengthof(projects); i++)
		if (strcmp(projects[i].id, id) == 0)
			return &projects[i];
	return NULL;
}

char *
project_entity_label(const char *table)
{
	StringInfoData out;
	char *label;

	initStringInfo(&out);
	for (const char *c = table; *c != '\0'; c++) {
		if (*c >= 'A' && *c <= 'Z')
			appendStringInfoChar(&out, ' ');
		appendStringInfoChar(&out, *c == '_' ? ' ' : *c);
	}
	out.data[0] = pg_ascii_toupper((unsigned char)out.data[0]);
	label = out.data;
	while (*label == ' ')
		label++;
	while (out.len > 0 && out.data[out.len - 1] == ' ')
		out.data[--out.len] = '\0';
	return label;
}
