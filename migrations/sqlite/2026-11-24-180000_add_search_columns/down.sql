ALTER TABLE icps DROP COLUMN name_folded;
ALTER TABLE icps DROP COLUMN providers;
