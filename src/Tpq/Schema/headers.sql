ALTER TABLE {table} ADD COLUMN headers json;
