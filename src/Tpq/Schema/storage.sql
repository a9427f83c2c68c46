ALTER TABLE {table} SET ({storage});
