-- Swaps to which nothing more is expected to happen: the engine does not keep them in memory. What it looks up of them
-- without reading them stands here; seq is theirs in swaps. When something happens to one after all, its row is gone in
-- the same transaction.
CREATE TABLE archived (
    seq         INTEGER PRIMARY KEY REFERENCES swaps (seq),
    swap_id     BLOB NOT NULL UNIQUE REFERENCES swaps (id),
    settled     INTEGER NOT NULL,
    script      BLOB NOT NULL,
    side        TEXT NOT NULL,
    direction   TEXT NOT NULL,
    -- Of swaps that were done: the taker's peer id (makers), and the payee of an `in` (makers) or the maker (takers).
    peer        TEXT,
    node        BLOB,
    -- Whether a stranger opened it and never paid.
    never_paid  INTEGER NOT NULL,
    done        INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    volume_sat  INTEGER NOT NULL,
    fees_sat    INTEGER NOT NULL,
    prepays_sat INTEGER NOT NULL,
    miners_sat  INTEGER NOT NULL,
    routing_sat INTEGER NOT NULL,
    profit_sat  INTEGER NOT NULL
) STRICT;
CREATE INDEX archived_settled ON archived (settled);
CREATE INDEX archived_never_paid ON archived (settled) WHERE never_paid = 1;
CREATE INDEX archived_script ON archived (script);
CREATE INDEX archived_peer ON archived (peer) WHERE peer IS NOT NULL;
CREATE INDEX archived_node ON archived (node, side) WHERE node IS NOT NULL;

-- All others: what a start reads.
CREATE TABLE kept (
    seq INTEGER PRIMARY KEY REFERENCES swaps (seq)
) STRICT;
INSERT INTO kept SELECT seq FROM swaps;
CREATE TRIGGER swaps_are_kept AFTER INSERT ON swaps BEGIN
    INSERT INTO kept VALUES (NEW.seq);
END;

-- The payment hashes of archived swaps.
CREATE TABLE archived_hashes (
    hash    BLOB NOT NULL,
    swap_id BLOB NOT NULL REFERENCES swaps (id),
    PRIMARY KEY (hash, swap_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX archived_hashes_of ON archived_hashes (swap_id);

-- What all archived swaps together have brought.
CREATE TABLE archived_sums (
    side        TEXT NOT NULL,
    direction   TEXT NOT NULL,
    done        INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    volume_sat  INTEGER NOT NULL,
    fees_sat    INTEGER NOT NULL,
    prepays_sat INTEGER NOT NULL,
    miners_sat  INTEGER NOT NULL,
    routing_sat INTEGER NOT NULL,
    profit_sat  INTEGER NOT NULL,
    PRIMARY KEY (side, direction)
) STRICT, WITHOUT ROWID;
INSERT INTO archived_sums VALUES
    ('maker', 'out', 0, 0, 0, 0, 0, 0, 0, 0), ('maker', 'in', 0, 0, 0, 0, 0, 0, 0, 0),
    ('taker', 'out', 0, 0, 0, 0, 0, 0, 0, 0), ('taker', 'in', 0, 0, 0, 0, 0, 0, 0, 0);
CREATE TRIGGER archived_counts AFTER INSERT ON archived BEGIN
    UPDATE archived_sums SET
        done = done + NEW.done, failed = failed + NEW.failed, volume_sat = volume_sat + NEW.volume_sat,
        fees_sat = fees_sat + NEW.fees_sat, prepays_sat = prepays_sat + NEW.prepays_sat,
        miners_sat = miners_sat + NEW.miners_sat, routing_sat = routing_sat + NEW.routing_sat,
        profit_sat = profit_sat + NEW.profit_sat
    WHERE side = NEW.side AND direction = NEW.direction;
    DELETE FROM kept WHERE seq = NEW.seq;
END;
CREATE TRIGGER archived_counts_no_more AFTER DELETE ON archived BEGIN
    UPDATE archived_sums SET
        done = done - OLD.done, failed = failed - OLD.failed, volume_sat = volume_sat - OLD.volume_sat,
        fees_sat = fees_sat - OLD.fees_sat, prepays_sat = prepays_sat - OLD.prepays_sat,
        miners_sat = miners_sat - OLD.miners_sat, routing_sat = routing_sat - OLD.routing_sat,
        profit_sat = profit_sat - OLD.profit_sat
    WHERE side = OLD.side AND direction = OLD.direction;
    DELETE FROM archived_hashes WHERE swap_id = OLD.swap_id;
    INSERT OR IGNORE INTO kept VALUES (OLD.seq);
END;

-- Addresses of archived swaps that nothing can ever have been paid to: to be used again.
CREATE TABLE spare_scripts (
    script BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Batches of sweeps all of whose swaps have ended are not read any more.
ALTER TABLE batch_events ADD COLUMN over INTEGER NOT NULL DEFAULT 0;
CREATE INDEX batches_not_over ON batch_events (seq) WHERE over = 0;

-- The swaps of an order, the orders this node took, and those of them that are not over.
CREATE INDEX swaps_of_order ON swaps (order_id, seq);
ALTER TABLE orders ADD COLUMN taken INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN open INTEGER NOT NULL DEFAULT 0;
UPDATE orders SET
    taken = coalesce(json_extract(record, '$.side') = 'taker', 0),
    open = coalesce(json_extract(record, '$.task.ended') = 0, 0);
CREATE INDEX orders_taken ON orders (seq) WHERE taken = 1;
CREATE INDEX orders_open ON orders (seq) WHERE open = 1;
