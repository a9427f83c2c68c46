CREATE TABLE {table} (
  id bigserial PRIMARY KEY,
  data json NOT NULL,
  enqueued_at timestamptz NOT NULL DEFAULT now(),
  attempts int NOT NULL DEFAULT 0,
  headers json
);

ALTER TABLE {table} SET ({storage});

-- Filler, gone with this transaction: after a VACUUM ANALYZE of a table without pages the planner would cache a sequential scan.
INSERT INTO {table} (id, data) SELECT -n, to_json(repeat('x', 1000)) FROM generate_series(1, 120) n;
DELETE FROM {table} WHERE id < 0;
