-- What a client may say of itself (RFC 7591, section 2; OpenID Connect Dynamic Client Registration, section 2).

CREATE FUNCTION auth.oidc_redirect_uri_is_sound(uri text) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN uri ~ '^[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?@!$&''()+,;=%\[\]-]+$' AND pg_catalog.length(uri) <= 2048
         AND uri !~* ('^(javascript|data|vbscript|file|about|blob|filesystem|view-source|jar|mailto|tel|sms|urn|wss?|ftps?|intent|'
                      'android-app|chrome|edge|opera|brave|resource|ms-appx(-web)?):')
         AND CASE WHEN uri ~* '^https:' THEN uri ~* '^https://[^/?@]+([/?]|$)'
                  WHEN uri ~* '^http:' THEN uri ~* '^http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?([/?]|$)'
                  ELSE true END;
COMMENT ON FUNCTION auth.oidc_redirect_uri_is_sound IS
  'https; http on this machine''s loopback; or the scheme of an app (RFC 8252, section 7), which is any that RFC 3986 allows and no '
  'browser acts on itself. One in reverse domain notation is preferred: two apps can claim myapp. '
  'No fragment (RFC 6749, section 3.1.2), no wildcard, no user information';

CREATE FUNCTION auth.oidc_jwk_is_usable(key jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN COALESCE(
    NOT key ?| '{d,p,q,dp,dq,qi,oth,k}' AND COALESCE(key ->> 'use', 'sig') = 'sig'
    AND CASE key ->> 'kty'
          WHEN 'RSA' THEN key ->> 'n' ~ '^[A-Za-z0-9_-]+$' AND pg_catalog.length(key ->> 'n') BETWEEN 342 AND 1366
                          AND key ->> 'e' ~ '^[A-Za-z0-9_-]{3,6}$' AND COALESCE(key ->> 'alg', 'RS256') IN ('RS256', 'PS256')
          WHEN 'EC' THEN key ->> 'crv' = 'P-256' AND key ->> 'x' ~ '^[A-Za-z0-9_-]{43}$' AND key ->> 'y' ~ '^[A-Za-z0-9_-]{43}$'
                         AND COALESCE(key ->> 'alg', 'ES256') = 'ES256'
          WHEN 'OKP' THEN key ->> 'crv' = 'Ed25519' AND key ->> 'x' ~ '^[A-Za-z0-9_-]{43}$'
                          AND COALESCE(key ->> 'alg', 'EdDSA') = 'EdDSA'
        END, false);
COMMENT ON FUNCTION auth.oidc_jwk_is_usable IS
  'a public key by which an edge can verify: RSA of 2048 to 8192 bits, P-256 or Ed25519. A private or symmetric one is refused, '
  'so that nobody leaves it here';

CREATE FUNCTION auth.oidc_jwks_is_usable(jwks jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN jwks IS NULL THEN NULL
              WHEN pg_catalog.jsonb_typeof(jwks -> 'keys') IS DISTINCT FROM 'array' THEN false
              ELSE (SELECT pg_catalog.count(*) BETWEEN 1 AND 16 AND pg_catalog.bool_and(auth.oidc_jwk_is_usable(k))
                           AND pg_catalog.count(k ->> 'kid') = pg_catalog.count(DISTINCT k ->> 'kid')
                      FROM pg_catalog.jsonb_array_elements(jwks -> 'keys') k) END;
COMMENT ON FUNCTION auth.oidc_jwks_is_usable IS 'a JWK Set (RFC 7517, section 5) of 1 to 16 usable keys, no two of one kid; NULL of none';

CREATE FUNCTION auth.oidc_text_array(value jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN pg_catalog.jsonb_typeof(value) = 'array'
              THEN ARRAY(SELECT x FROM pg_catalog.jsonb_array_elements_text(value) WITH ORDINALITY e (x, i) ORDER BY i) END;
COMMENT ON FUNCTION auth.oidc_text_array IS 'a JSON array of strings; NULL for anything else';

CREATE FUNCTION auth.oidc_metadata_fault(m jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  bad text;
BEGIN
  SELECT name INTO bad
    FROM unnest('{redirect_uris,post_logout_redirect_uris,grant_types,response_types,contacts}'::text[]) name
   WHERE m ? name AND (jsonb_typeof(m -> name) <> 'array'
                       OR EXISTS (SELECT FROM jsonb_array_elements(m -> name) x WHERE jsonb_typeof(x) <> 'string'));
  IF FOUND THEN
    RETURN bad || ' must be an array of strings';
  END IF;
  SELECT name INTO bad FROM unnest('{client_uri,logo_uri,tos_uri,policy_uri}'::text[]) name
   WHERE m ->> name !~* '^https?://[^[:space:][:cntrl:]\\"<>]+$';
  IF FOUND THEN
    RETURN bad || ' must be a URL';
  ELSIF m ->> 'scope' !~ '^[!#-\[\]-~]+( [!#-\[\]-~]+)*$' THEN
    RETURN 'scope must be names with a space between them';
  ELSIF m ? 'response_types' AND m -> 'response_types' <> '["code"]' THEN
    RETURN 'response_types must be ["code"]';
  ELSIF m ->> 'token_endpoint_auth_method' NOT IN ('client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none') THEN
    RETURN 'token_endpoint_auth_method must be one of: client_secret_basic client_secret_post private_key_jwt none';
  ELSIF m ? 'jwks' AND NOT COALESCE(auth.oidc_jwks_is_usable(m -> 'jwks'), false) THEN
    RETURN 'jwks must be a set of public keys: RSA of 2048 bits or more, P-256 or Ed25519';
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.oidc_metadata_fault IS 'what is wrong with the metadata of a client, redirect URIs aside; NULL: nothing';

CREATE FUNCTION auth.oidc_metadata_redirect_fault(m jsonb) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN (SELECT pg_catalog.min(uri) FROM pg_catalog.unnest(
            auth.oidc_text_array(m -> 'redirect_uris') || auth.oidc_text_array(m -> 'post_logout_redirect_uris')) uri
           WHERE NOT auth.oidc_redirect_uri_is_sound(uri));
COMMENT ON FUNCTION auth.oidc_metadata_redirect_fault IS 'a redirect URI that is not allowed; NULL: none';
