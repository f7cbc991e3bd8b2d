-- Devices on which a user has signed in: a cookie tells them, so that failures of strangers do not lock them (auth.lockout_scope).

CREATE FUNCTION auth.known_device_is_settled(d auth.known_devices) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN d.last_seen_at >= d.created_at + INTERVAL '1 day';
COMMENT ON FUNCTION auth.known_device_is_settled IS
  'whether a device has brought its cookie back after a day or more. Programs that keep no cookies make a new device with each sign-in: '
  'these must not push out the browsers of the user';

CREATE FUNCTION auth.known_device_cookie(of_user_id text, remember boolean, device_digest bytea) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := 20; -- of either kind
  token constant text := auth.random_id(32);
BEGIN
  IF NOT remember THEN
    RETURN '';
  END IF;
  -- A new token each time, for all who have signed in there: a cookie that a stranger planted is worth nothing afterwards.
  UPDATE auth.known_devices d
     SET digest = sha256(convert_to(token, 'UTF8')),
         last_seen_at = CASE WHEN d.user_id = of_user_id THEN now() ELSE d.last_seen_at END
   WHERE d.digest = device_digest;
  INSERT INTO auth.known_devices (user_id, digest) VALUES (of_user_id, sha256(convert_to(token, 'UTF8')))
  ON CONFLICT ON CONSTRAINT known_devices_user_id_digest_unique DO NOTHING;
  DELETE FROM auth.known_devices d WHERE d.id IN (
    SELECT o.id FROM (
      SELECT x.id, row_number() OVER (PARTITION BY auth.known_device_is_settled(x) ORDER BY x.last_seen_at DESC, x.id) AS place
        FROM auth.known_devices x WHERE x.user_id = of_user_id) o
     WHERE o.place > most);
  RETURN E'\ndevice ' || token || ' 7776000';
END
$$;
COMMENT ON FUNCTION auth.known_device_cookie IS
  'the cookie of a browser in which a user has just signed in, for 90 days, a line break in front; empty where the session is not '
  'to be remembered. Of more than twenty devices that are settled, and of more than twenty others, the one that was not used for '
  'longest is forgotten';
