ALTER TABLE {table} ADD COLUMN enqueued_at timestamptz NOT NULL DEFAULT now();
