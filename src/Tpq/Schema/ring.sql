-- Shared by the queues of a schema. Arguments of the trigger: the channel, and what was chosen for notify.
CREATE OR REPLACE FUNCTION {ring}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_catalog.pg_notify(TG_ARGV[0], '');
  RETURN NULL;
END
$$;
