# Prints, of the parts of the version file, the statements that an update script repeats: routines, aggregates, triggers,
# views and comments, as CREATE OR REPLACE. Tables, types, indexes, policies and rows change by the migrations in
# sql/updates. A statement ends with a line that ends in `;` outside of a dollar-quoted body.

FNR == 1 { statement = ""; inside = 0 }

statement == "" && /^[[:space:]]*(--.*)?$/ { next }

{
	statement = statement $0 "\n"
	line = $0
	if (gsub(/\$[a-z_]*\$/, "", line) % 2 == 1)
		inside = !inside
	if (!inside && $0 ~ /;[[:space:]]*(--.*)?$/) {
		restate()
		statement = ""
	}
}

function restate() {
	if (sub(/^CREATE (OR REPLACE )?CONSTRAINT TRIGGER/, "CREATE CONSTRAINT TRIGGER", statement))
		printf "DROP TRIGGER IF EXISTS %s ON %s;\n%s", trigger_name(), trigger_table(), statement
	else if (sub(/^CREATE (OR REPLACE )?(FUNCTION|PROCEDURE|AGGREGATE|TRIGGER|VIEW) /, "CREATE OR REPLACE &", statement)) {
		sub(/^CREATE OR REPLACE CREATE (OR REPLACE )?/, "CREATE OR REPLACE ", statement)
		printf "%s", statement
	} else if (statement ~ /^COMMENT ON /)
		printf "%s", statement
	else if (statement ~ /^DO / && statement ~ /CREATE OR REPLACE/)
		printf "%s", statement
}

function trigger_name(    words) {
	split(statement, words, /[[:space:]]+/)
	return words[4]
}

function trigger_table(    rest) {
	rest = statement
	sub(/^.*[[:space:]]ON[[:space:]]+/, "", rest)
	sub(/[[:space:]].*$/, "", rest)
	return rest
}
