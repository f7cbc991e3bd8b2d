-- auth.reply says itself whether the edge signs the query of its location.

ALTER TYPE auth.reply ADD ATTRIBUTE sign_query boolean;
