-- Shared by the queues of a schema. Arguments of the trigger: the channel, and what was chosen for notify. At COMMIT of a put: nobody sleeps as long as
-- the bell lock can be shared, else the lowest new id is told; where there are more of them, the second is told too, with a +. See Doorbell.cs.
CREATE OR REPLACE FUNCTION {ring}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  rung text := coalesce(pg_catalog.current_setting('tpq.rung_' || TG_RELID::text, true), '');
BEGIN
  IF (TG_ARGV[1] = 'always' OR NOT pg_catalog.pg_try_advisory_xact_lock_shared({bell}, TG_RELID::int))
      AND rung <> 'twice' THEN
    PERFORM pg_catalog.set_config('tpq.rung_' || TG_RELID::text, CASE rung WHEN '' THEN 'once' ELSE 'twice' END, true),
      pg_catalog.pg_notify(TG_ARGV[0], NEW.id::text || CASE WHEN rung = '' THEN '' ELSE '+' END);
  END IF;
  RETURN NULL;
END
$$;
