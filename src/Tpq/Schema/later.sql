CREATE TABLE {later} (
  id bigint PRIMARY KEY,
  data json NOT NULL,
  enqueued_at timestamptz NOT NULL,
  attempts int NOT NULL,
  headers json,
  due_at timestamptz NOT NULL,
  lease uuid
);

CREATE INDEX ON {later} (due_at);

ALTER TABLE {later} SET ({storage});

INSERT INTO {later} (id, data, enqueued_at, attempts, due_at)
  SELECT -n, to_json(repeat('x', 1000)), now(), 0, now() FROM generate_series(1, 120) n;
DELETE FROM {later} WHERE id < 0;
