/* The apps whose records the sync database holds, as clients show them. */
#ifndef MANA_GDPR_PROJECTS_H
#define MANA_GDPR_PROJECTS_H

struct project {
	const char *id; /* sync_changes.app_id */
	const char *name;
	const char *icon;
};

/* The first projects_listed are shown always, in this order; the others under their present name
 * when somebody still has records of theirs. */
extern const struct project projects[];
extern const int projects_listed;

/* NULL: an app that is not in the table. */
const struct project *project_find(const char *id);
/* What a table is called for people: "fooBar_x" is "Foo Bar x". */
char *project_entity_label(const char *table);

#endif
