-- What lists are searched and sorted by. The service fills them for what is stored already, by the same function that
-- writes them: no SQL makes lower case as it does.
ALTER TABLE icps ADD COLUMN name_folded TEXT;
ALTER TABLE icps ADD COLUMN providers TEXT;

-- By which those that are not filled are found; in general, nothing is in it.
CREATE INDEX icps_without_search_columns ON icps (number) WHERE name_folded IS NULL;
