-- Finding users. What a page costs does not depend on how many users there are: it walks an index from the newest user, or
-- takes the rows that the search's trigrams name; the number of all of them is counted up to a bound and estimated beyond.

CREATE FUNCTION auth.user_search_pattern(search text, OUT pattern text, OUT other text)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted constant text := regexp_replace(auth.lower_case(search), '([\\%_])', '\\\1', 'g');
  is_short constant boolean := length(search) < 3; -- shorter than a trigram: only what begins with it
BEGIN
  pattern := CASE WHEN is_short THEN wanted || '%' ELSE '%' || wanted || '%' END;
  other := CASE WHEN is_short THEN E'%\n' || wanted || '%' ELSE pattern END;
END
$$;
COMMENT ON FUNCTION auth.user_search_pattern IS
  'what LIKE finds auth.user_search_text by; % and _ stand for themselves. Fewer than three characters begin the address '
  '(pattern) or the name (other)';

CREATE FUNCTION auth.user_search_condition(search text, tier auth.access_tier) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p constant record := auth.user_search_pattern(search);
BEGIN
  RETURN 'u.deleted_at IS NULL'
    || CASE WHEN tier IS NULL THEN '' ELSE format(' AND u.access_tier = %L', tier) END
    || CASE WHEN search IS NULL THEN ''
            WHEN p.pattern = p.other THEN format(' AND auth.user_search_text(u.name, u.email) LIKE %L', p.pattern)
            ELSE format(' AND (auth.user_search_text(u.name, u.email) LIKE %1$L OR auth.user_search_text(u.name, u.email) LIKE %2$L)',
                        p.pattern, p.other) END;
END
$$;
COMMENT ON FUNCTION auth.user_search_condition IS
  'the WHERE of a search. Its values are written into it as literals, quoted by format, so that each search is planned by what '
  'is searched for: a rare word by its trigrams, a frequent one along the newest users';

CREATE FUNCTION auth.user_search_query(search text, tier auth.access_tier, after_at timestamptz, after_id text, skip bigint, most bigint)
  RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN format('SELECT u.id FROM auth.users u WHERE %s%s ORDER BY u.created_at DESC, u.id DESC OFFSET %s LIMIT %s',
                auth.user_search_condition(search, tier),
                CASE WHEN after_id IS NULL THEN '' ELSE format(' AND (u.created_at, u.id) < (%L, %L)', after_at, after_id) END,
                skip, most);
END
$$;
COMMENT ON FUNCTION auth.user_search_query IS 'SQL for the ids of a page, newest first';

CREATE FUNCTION auth.user_search_total(search text, tier auth.access_tier, OUT total bigint, OUT is_exact boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  counted constant integer := 1000;
  condition constant text := auth.user_search_condition(search, tier);
  plan json;
BEGIN
  EXECUTE format('SELECT count(*) FROM (SELECT FROM auth.users u WHERE %s LIMIT %s) x', condition, counted + 1) INTO total;
  is_exact := total <= counted;
  IF NOT is_exact THEN
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM auth.users u WHERE %s', condition) INTO plan;
    total := greatest(total, (plan #>> '{0,Plan,Plan Rows}')::numeric::bigint);
  END IF;
END
$$;
COMMENT ON FUNCTION auth.user_search_total IS 'how many users a search finds: counted up to 1,000, estimated by the planner beyond';

CREATE FUNCTION auth.admin_refuse(status integer, error text, message text) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN auth.granted(auth.json_object('error', error, 'message', message), NULL, NULL, status);
COMMENT ON FUNCTION auth.admin_refuse IS 'a refusal in the words of the admin API';

CREATE FUNCTION auth.tier_refusal() RETURNS auth.reply LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.admin_refuse(400, 'Invalid tier',
                           'Tier must be one of: ' || array_to_string(enum_range(NULL::auth.access_tier), ', '));
END
$$;
CREATE FUNCTION auth.tier_read(tier text) RETURNS auth.access_tier LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN tier = ANY (pg_catalog.enum_range(NULL::auth.access_tier)::text[]) THEN tier::auth.access_tier END;
COMMENT ON FUNCTION auth.tier_read IS 'the tier of that name; NULL: there is none';

CREATE FUNCTION auth.admin_user_json(u auth.users) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.json_object(
    'id', u.id, 'email', u.email, 'name', u.name, 'role', u.role, 'createdAt', u.created_at, 'lastActiveAt',
    (SELECT max(s.last_activity_at) FROM auth.sessions s WHERE s.user_id = u.id),
    'accessTier', u.access_tier, 'emailVerified', u.email_verified);
END
$$;
COMMENT ON FUNCTION auth.admin_user_json IS 'a user in an admin''s list';

CREATE FUNCTION auth_api.admin_user_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  deepest constant integer := 100000;
  is_legacy constant boolean := input ? 'tier' AND NOT input ?| ARRAY['page', 'limit', 'search', 'after'];
  page constant bigint := COALESCE((input ->> 'page')::bigint, 1);
  most constant bigint := CASE WHEN is_legacy THEN 1000 ELSE COALESCE((input ->> 'limit')::bigint, 20) END;
  skip constant bigint := CASE WHEN input ? 'after' THEN 0 ELSE (page - 1) * most END;
  search constant text := NULLIF(btrim(input ->> 'search'), '');
  tier constant auth.access_tier := auth.tier_read(input ->> 'tier');
  admin constant auth.users := auth.admin_acting(c);
  after auth.users;
  total record;
  ids text[];
  users json;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  ELSIF input ? 'tier' AND tier IS NULL THEN
    RETURN auth.tier_refusal();
  ELSIF search !~ '[^[:punct:][:space:]]' THEN
    RETURN auth.admin_refuse(400, 'Bad request', 'search needs a letter or a digit');
  ELSIF skip + most > deepest THEN
    RETURN auth.admin_refuse(400, 'Bad request', 'page is too far down: go on with after, the id of the last user seen');
  END IF;
  IF input ? 'after' THEN
    SELECT x.* INTO after FROM auth.users x WHERE x.id = input ->> 'after';
    IF after.id IS NULL THEN
      RETURN auth.admin_refuse(400, 'Bad request', 'after is no user');
    END IF;
  END IF;
  EXECUTE format('SELECT array(%s)', auth.user_search_query(search, tier, after.created_at, after.id, skip, most)) INTO ids;
  SELECT auth.json_array_agg(auth.admin_user_json(u) ORDER BY u.created_at DESC, u.id DESC) INTO users
    FROM auth.users u WHERE u.id = ANY (ids);
  -- without what was searched for: it may be the address of somebody who is erased later
  PERFORM auth.admin_event(c, admin, 'ADMIN_USERS_LISTED', NULL, jsonb_build_object('users', cardinality(ids)));
  IF is_legacy THEN
    RETURN auth.granted(auth.json_object('users', users, 'count', cardinality(ids)));
  END IF;
  SELECT t.total, t.is_exact INTO total FROM auth.user_search_total(search, tier) t;
  RETURN auth.granted(auth.json_object(
    'users', users, 'total', greatest(total.total, skip + cardinality(ids)), 'page', page, 'limit', most,
    'totalIsExact', total.is_exact, 'next', CASE WHEN cardinality(ids) = most THEN ids[most] END));
END
$$;
COMMENT ON FUNCTION auth_api.admin_user_list IS
  'GET /admin/users?page&limit&search&tier: newest first. next: what to give as `after` for the users behind these, at any depth. '
  'With a tier alone {users, count}, as old clients read it: the newest 1,000';
