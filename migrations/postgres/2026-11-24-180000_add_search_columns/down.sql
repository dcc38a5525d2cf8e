ALTER TABLE icps DROP COLUMN name_folded, DROP COLUMN providers;
