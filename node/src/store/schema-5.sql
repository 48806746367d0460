-- Addresses of a maker's archived swaps, and whether anything can ever have been paid to them: if not, to be used again. Swaps
-- that shared one may be archived in any order.
CREATE TABLE own_scripts (
    script BLOB PRIMARY KEY,
    used   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX own_scripts_spare ON own_scripts (script) WHERE used = 0;
INSERT INTO own_scripts SELECT script, 0 FROM spare_scripts;
DROP TABLE spare_scripts;
