DROP INDEX icps_without_search_columns;
ALTER TABLE icps DROP COLUMN name_folded;
ALTER TABLE icps DROP COLUMN providers;
