CREATE CONSTRAINT TRIGGER tpq_ring AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (pg_catalog.current_setting('tpq.quiet', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION {ring}({channel}, {notify});
