-- What happened to a transaction that sweeps outputs of several swaps, in the order of seq; the batch is named by the id of
-- its first version. The transactions stand in sweeps, once for each swap with its share of the fee.
CREATE TABLE batch_events (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    batch_id BLOB NOT NULL,
    version  INTEGER NOT NULL,
    payload  TEXT NOT NULL,
    height   INTEGER NOT NULL,
    at       INTEGER NOT NULL
) STRICT;
CREATE INDEX events_of_batch ON batch_events (batch_id, seq);
