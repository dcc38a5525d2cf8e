DROP INDEX icps_without_search_columns;
ALTER TABLE icps DROP COLUMN name_folded, DROP COLUMN providers;
