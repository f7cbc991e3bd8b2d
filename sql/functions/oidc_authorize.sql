-- The authorization endpoint: who asks, for what, and whether the user is there and agrees. Decides everything; the edge only
-- redirects, and signs the query of a request that has to wait for a sign-in or a consent.

CREATE FUNCTION auth.oidc_error_page(issuer text, error text, description text) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN auth.oidc_redirect(issuer || '/api/auth/error?' || auth.form_query('error', error, 'error_description', description));
COMMENT ON FUNCTION auth.oidc_error_page IS
  'RFC 6749, section 4.1.2.1: with a bad client or redirect URI "the authorization server SHOULD inform the resource owner of '
  'the error and MUST NOT automatically redirect the user-agent to the invalid redirection URI"';

CREATE FUNCTION auth.oidc_signed_page(page text, query text) RETURNS auth.reply
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN ROW(NULL, NULL, NULL, 302, NULL, page || '?' || query || (
    SELECT string_agg('&ba_param=' || name, '' ORDER BY name COLLATE "C")
      FROM (SELECT split_part(pair, '=', 1) AS name FROM unnest(string_to_array(query, '&')) pair
             UNION SELECT 'ba_param') names), NULL, NULL, true, NULL)::auth.reply;
END
$$;
COMMENT ON FUNCTION auth.oidc_signed_page IS
  'Sends the browser to a hosted page whose query the edge signs, in Better Auth''s form: ba_param names the signed parameters.';

CREATE FUNCTION auth.oidc_posts(input jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN COALESCE(input ->> 'response_mode' = 'form_post' AND input ->> 'redirect_uri' ~* '^https?:', false);
COMMENT ON FUNCTION auth.oidc_posts IS
  'Whether the answer to a request is posted (OAuth 2.0 Form Post Response Mode). A browser cannot post to an app.';

CREATE FUNCTION auth.oidc_answer(input jsonb, query text) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN auth.oidc_posts(input)
              THEN auth.oidc_signed_page('/form-post', auth.form_query('redirect_uri', input ->> 'redirect_uri') || '&' || query)
              ELSE auth.oidc_redirect(auth.url_with_query(
                input ->> 'redirect_uri', query, COALESCE(input ->> 'response_type', '') ~ 'token')) END;
COMMENT ON FUNCTION auth.oidc_answer IS
  'Gives a client the parameters of an answer, at a redirect URI that was proved, in the way that it asked for.';

CREATE FUNCTION auth.oidc_answer_error(input jsonb, issuer text, error text, description text) RETURNS auth.reply
LANGUAGE sql IMMUTABLE
  RETURN auth.oidc_answer(
    input, auth.form_query('error', error, 'error_description', description, 'state', input ->> 'state', 'iss', issuer));
COMMENT ON FUNCTION auth.oidc_answer_error IS
  'tells the client, at a redirect URI that was proved; iss as RFC 9207 wants it. Who asked for an implicit answer looks for it '
  'in the fragment (RFC 6749, section 4.2.2.1)';

CREATE FUNCTION auth.oidc_request_lifetime() RETURNS interval LANGUAGE sql IMMUTABLE
  RETURN interval '10 minutes';
COMMENT ON FUNCTION auth.oidc_request_lifetime IS
  'How long a page offers what it was shown for, and how old a sign-in may be that satisfies prompt=login or max_age of its request.';

CREATE FUNCTION auth.oidc_wait(input jsonb, page text, since timestamptz) RETURNS auth.reply LANGUAGE sql STABLE
  RETURN auth.oidc_signed_page(page, auth.form_query(
    'response_type', input ->> 'response_type', 'redirect_uri', input ->> 'redirect_uri', 'scope', input ->> 'scope',
    'state', input ->> 'state', 'client_id', input ->> 'client_id', 'prompt', input ->> 'prompt',
    'max_age', input ->> 'max_age', 'login_hint', input ->> 'login_hint', 'ui_locales', input ->> 'ui_locales',
    'response_mode', input ->> 'response_mode',
    'code_challenge', input ->> 'code_challenge', 'code_challenge_method', input ->> 'code_challenge_method',
    'nonce', input ->> 'nonce', 'resource', input ->> 'resource',
    'exp', auth.epoch(pg_catalog.now() + auth.oidc_request_lifetime())::text,
    'ba_iat', pg_catalog.floor(EXTRACT(epoch FROM COALESCE(since, pg_catalog.now())) * 1000)::bigint::text));
COMMENT ON FUNCTION auth.oidc_wait IS
  'Sends the browser to a hosted page with the whole request and its end in the query, and the time since when a sign-in satisfies '
  'it: that of the first page on its way (NULL: this is the first).';

CREATE FUNCTION auth.oidc_scopes(scope text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN ARRAY(SELECT w.word FROM unnest(string_to_array(scope, ' ')) WITH ORDINALITY w (word, n)
                WHERE w.word <> '' GROUP BY w.word ORDER BY min(w.n));
END
$$;
COMMENT ON FUNCTION auth.oidc_scopes IS 'a scope parameter as a list, each once, in its order';

CREATE FUNCTION auth.oidc_scopes_within(asked text[], allowed text[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN NOT EXISTS (SELECT unnest(asked) EXCEPT SELECT unnest(allowed));
END
$$;
COMMENT ON FUNCTION auth.oidc_scopes_within IS
  'whether each of the scopes asked for is allowed. The operator <@ compares each with each; this hashes both lists';

CREATE FUNCTION auth.oidc_code_issue(
    client auth.oauth_clients, s auth.sessions, input jsonb, scopes text[], issuer text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  code constant text := auth.random_id(32);
  grant_id constant text := auth.random_id();
BEGIN
  INSERT INTO auth.oauth_grants (id, client_id, user_id, session_id, sid, scopes, resource, nonce, auth_time)
  VALUES (grant_id, client.id, s.user_id, s.id, s.id, scopes, input ->> 'resource', input ->> 'nonce', s.created_at);
  INSERT INTO auth.oauth_codes (digest, grant_id, redirect_uri, code_challenge, expires_at)
  VALUES (auth.token_digest(code), grant_id, input ->> 'redirect_uri',
          decode(translate(input ->> 'code_challenge', '-_', '+/') || '=', 'base64'), now() + interval '5 minutes');
  RETURN auth.oidc_answer(input, auth.form_query('code', code, 'state', input ->> 'state', 'iss', issuer));
END
$$;
COMMENT ON FUNCTION auth.oidc_code_issue IS 'a code for what the user allows a client in this session';

CREATE FUNCTION auth.oidc_decide(
    c auth.caller, input jsonb, issuer text, since timestamptz, hint_sub text, consented text[])
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  client constant auth.oauth_clients := auth.oidc_client_find(input ->> 'client_id');
  s constant auth.sessions := auth.session_hold(c); -- who signs out meanwhile is asked to sign in, as who did before
  prompts constant text[] := auth.oidc_scopes(COALESCE(input ->> 'prompt', ''));
  wished text[] := auth.oidc_scopes(COALESCE(input ->> 'scope', 'openid'));
  wrong text;
  signed_in_since constant boolean := COALESCE(s.created_at >= since, false);
BEGIN
  IF client.id IS NULL THEN
    RETURN auth.oidc_error_page(issuer, 'invalid_client', 'client_id is required');
  ELSIF NOT auth.oidc_redirect_uri_is_registered(client.redirect_uris, input ->> 'redirect_uri') THEN
    RETURN auth.oidc_error_page(issuer, 'invalid_redirect', 'invalid redirect uri');
  ELSIF input ->> 'request' IS NOT NULL THEN
    RETURN auth.oidc_answer_error(input, issuer, 'request_not_supported', 'request objects are not supported');
  ELSIF input ->> 'request_uri' IS NOT NULL THEN
    RETURN auth.oidc_answer_error(input, issuer, 'request_uri_not_supported', 'request objects are not supported');
  ELSIF input ->> 'response_type' IS NULL THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'response_type is required');
  ELSIF input ->> 'response_type' <> 'code' THEN
    RETURN auth.oidc_answer_error(input, issuer, 'unsupported_response_type', 'response_type must be one of: code');
  ELSIF COALESCE(input ->> 'response_mode', 'query') <> 'query' AND NOT auth.oidc_posts(input) THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'response_mode must be one of: query form_post');
  ELSIF NOT 'authorization_code' = ANY (client.grant_types) THEN
    RETURN auth.oidc_answer_error(input, issuer, 'unauthorized_client', 'client may not use the authorization code grant');
  END IF;

  SELECT string_agg(x, ' ' ORDER BY i) INTO wrong
    FROM unnest(wished) WITH ORDINALITY asked (x, i) WHERE x NOT IN (SELECT unnest(client.scopes));
  IF wrong IS NOT NULL THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_scope', 'The following scopes are invalid: ' || wrong);
  ELSIF cardinality(wished) = 0 THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_scope', 'no scope is named');
  ELSIF ((auth.oidc_target(client.id, NULL, input ->> 'resource', wished)).refusal).status IS NOT NULL THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_target', 'requested resource is not open to this client, or not for these scopes');
  ELSIF COALESCE(input ->> 'code_challenge_method', CASE WHEN input ? 'code_challenge' THEN 'plain' END) <> 'S256' THEN
    -- RFC 7636, section 4.3: the method "defaults to "plain" if not present", and plain proves nothing to who read the request
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'code_challenge_method must be one of: S256');
  ELSIF input ->> 'code_challenge' !~ '^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$' THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'code_challenge must be a SHA-256 in base64url');
  ELSIF input ->> 'code_challenge' IS NULL AND input ->> 'code_challenge_method' IS NOT NULL THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'code_challenge is required with code_challenge_method');
  ELSIF input ->> 'code_challenge' IS NULL AND client.auth_method = 'none' THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'pkce is required for public clients');
  ELSIF input ->> 'code_challenge' IS NULL AND client.require_pkce THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'pkce is required for this client');
  ELSIF input ->> 'max_age' !~ '^[0-9]{1,9}$' THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'max_age must be a number of seconds');
  ELSIF NOT prompts <@ '{none,login,consent,create,select_account}'::text[] THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'prompt must be of: login consent create select_account none');
  ELSIF 'none' = ANY (prompts) AND cardinality(prompts) > 1 THEN
    -- OpenID Connect Core, section 3.1.2.1: "If this parameter contains none with any other value, an error is returned."
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'prompt none must stand alone');
  END IF;

  IF s.id IS NULL
     OR (prompts && '{login,create,select_account}'::text[] AND NOT signed_in_since)
     OR (s.created_at + make_interval(secs => (input ->> 'max_age')::integer) <= now() AND NOT signed_in_since)
     OR hint_sub <> s.user_id THEN
    -- section 3.1.2.6, login_required: "the Authentication Request cannot be completed without displaying a user interface"
    RETURN CASE WHEN 'none' = ANY (prompts)
                THEN auth.oidc_answer_error(input, issuer, 'login_required', 'authentication required')
                ELSE auth.oidc_wait(input, CASE WHEN 'create' = ANY (prompts) THEN '/sign-up' ELSE '/login' END, since) END;
  END IF;

  IF consented IS NOT NULL THEN
    wished := (SELECT array_agg(x ORDER BY i) FROM unnest(wished) WITH ORDINALITY asked (x, i) WHERE x IN (SELECT unnest(consented)));
  ELSIF ('consent' = ANY (prompts) OR NOT client.skip_consent AND NOT EXISTS (
           SELECT FROM auth.oauth_consents o
            WHERE o.user_id = s.user_id AND o.client_id = client.id AND auth.oidc_scopes_within(wished, o.scopes))) THEN
    RETURN CASE WHEN 'none' = ANY (prompts)
                THEN auth.oidc_answer_error(input, issuer, 'consent_required', 'End-User consent is required')
                ELSE auth.oidc_wait(input, '/consent', since) END;
  END IF;
  RETURN auth.oidc_code_issue(client, s, input, wished, issuer);
END
$$;
COMMENT ON FUNCTION auth.oidc_decide IS
  'what becomes of an authorization request: an error, a sign-in, a consent or a code. since: when the request first came, if it '
  'comes again with our signature (a session opened after it satisfies prompt=login); consented: scopes allowed just now';

CREATE FUNCTION auth_api.oidc_authorize(c auth.caller, input jsonb, issuer text, hint_sub text, repeated text DEFAULT NULL)
RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  client auth.oauth_clients;
BEGIN
  IF repeated IS NULL THEN
    RETURN auth.oidc_decide(c, input - '{ba_iat,exp,sig}'::text[], issuer, NULL, hint_sub, NULL);
  END IF;
  -- RFC 6749, section 3.1: "Request and response parameters MUST NOT be included more than once."
  client := auth.oidc_client_find(input ->> 'client_id');
  IF repeated IN ('client_id', 'redirect_uri')
     OR NOT auth.oidc_redirect_uri_is_registered(client.redirect_uris, input ->> 'redirect_uri') THEN
    RETURN auth.oidc_error_page(issuer, 'invalid_request', repeated || ' is given more than once');
  ELSIF repeated = 'resource' THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_target', 'one resource a request'); -- RFC 8707 would allow more
  END IF;
  RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', repeated || ' is given more than once');
END
$$;
COMMENT ON FUNCTION auth_api.oidc_authorize IS
  'GET and POST /oauth2/authorize; hint_sub: sub of an id_token_hint of ours; repeated: a parameter that came twice';

CREATE FUNCTION auth.oidc_request_since(input jsonb) RETURNS timestamptz LANGUAGE sql STABLE
  RETURN CASE WHEN input ->> 'ba_iat' ~ '^[0-9]{1,15}$'
              THEN GREATEST(pg_catalog.to_timestamp((input ->> 'ba_iat')::bigint / 1000.0),
                            pg_catalog.now() - auth.oidc_request_lifetime()) END;
COMMENT ON FUNCTION auth.oidc_request_since IS
  'Since when a sign-in satisfies a signed request: since it came, and no longer ago than a page is offered.';

CREATE FUNCTION auth.oidc_request_has_expired(input jsonb) RETURNS boolean LANGUAGE sql STABLE
  RETURN NOT COALESCE(input ->> 'exp' ~ '^[0-9]{1,12}$' AND (input ->> 'exp')::bigint > EXTRACT(epoch FROM pg_catalog.now()), false);
COMMENT ON FUNCTION auth.oidc_request_has_expired IS 'Whether the page with this signed request was left open for too long.';

CREATE FUNCTION auth_api.oidc_continue(c auth.caller, input jsonb, issuer text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.oidc_decide(c, input - '{ba_iat,exp,sig}'::text[], issuer, auth.oidc_request_since(input), NULL, NULL);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_continue IS
  'Goes on after a sign-in with a request whose signature the edge has verified. Everything else about it is decided again, so it '
  'does not matter how long its page was open.';

CREATE FUNCTION auth_api.oidc_consent(c auth.caller, input jsonb, issuer text, accept boolean, scope text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  since constant timestamptz := auth.oidc_request_since(input);
  s constant auth.sessions := auth.session_find(c);
  client constant auth.oauth_clients := auth.oidc_client_find(input ->> 'client_id');
  asked constant text[] := auth.oidc_scopes(COALESCE(input ->> 'scope', 'openid'));
  allowed constant text[] := COALESCE(auth.oidc_scopes(scope), asked);
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF client.id IS NULL OR NOT auth.oidc_redirect_uri_is_registered(client.redirect_uris, input ->> 'redirect_uri') THEN
    RETURN auth.oidc_error_page(issuer, 'invalid_client', 'client_id is required');
  ELSIF NOT accept THEN
    RETURN auth.oidc_answer_error(input, issuer, 'access_denied', 'User denied access');
  ELSIF auth.oidc_request_has_expired(input) THEN -- the page is shown again, to whoever is signed in now
    RETURN auth.oidc_decide(c, input - '{ba_iat,exp,sig}'::text[], issuer, since, NULL, NULL);
  ELSIF NOT auth.oidc_scopes_within(allowed, asked) THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'Scope not originally requested');
  ELSIF cardinality(allowed) = 0 THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'no scope is allowed');
  ELSIF auth.oidc_consent_needs_proof(s, client.id, allowed) THEN -- back here after a new sign-in, which the page asks for
    RETURN auth.oidc_wait(input || jsonb_build_object('prompt', concat_ws(' ', input ->> 'prompt', 'login')), '/login', NULL);
  END IF;
  PERFORM auth.oidc_consent_event(c, s, client.id, allowed);
  INSERT INTO auth.oauth_consents AS o (user_id, client_id, scopes) VALUES (s.user_id, client.id, allowed)
  ON CONFLICT ON CONSTRAINT oauth_consents_pkey DO UPDATE
    SET scopes = (SELECT array_agg(DISTINCT x) FROM unnest(o.scopes || excluded.scopes) x), updated_at = now();
  RETURN auth.oidc_decide(c, input - '{ba_iat,exp,sig}'::text[], issuer, since, NULL, allowed);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_consent IS
  'POST /oauth2/consent, for a request whose signature the edge has verified; scope: the part that the user allows (NULL: all). To '
  'allow offline_access for the first time, an old session signs in again';
