-- auth.reply says itself whether the edge signs the query of its location, and whether a second factor is asked for.

ALTER TYPE auth.reply ADD ATTRIBUTE sign_query boolean;
ALTER TYPE auth.reply ADD ATTRIBUTE second_factor_asked boolean;
