CREATE TABLE orders (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    id      BLOB NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    record  TEXT NOT NULL
) STRICT;

CREATE TABLE swaps (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    id       BLOB NOT NULL UNIQUE,
    order_id BLOB NOT NULL REFERENCES orders (id),
    version  INTEGER NOT NULL,
    record   TEXT NOT NULL
) STRICT;

-- A swap's state is the fold of its events in the order of seq. Rows are only ever added.
CREATE TABLE events (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    swap_id BLOB NOT NULL REFERENCES swaps (id),
    version INTEGER NOT NULL,
    payload TEXT NOT NULL,
    height  INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT;
CREATE INDEX events_of_swap ON events (swap_id, seq);

-- What is to be done because of an event; written with it, run after it, again after a crash.
CREATE TABLE outbox (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    swap_id BLOB NOT NULL REFERENCES swaps (id),
    version INTEGER NOT NULL,
    effect  TEXT NOT NULL,
    done_at INTEGER
) STRICT;
CREATE INDEX outbox_open ON outbox (swap_id, id) WHERE done_at IS NULL;

-- Every version of a funding that may have been broadcast.
CREATE TABLE fundings (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    swap_id BLOB NOT NULL REFERENCES swaps (id),
    tx      BLOB NOT NULL,
    fee_sat INTEGER NOT NULL
) STRICT;
CREATE INDEX fundings_of_swap ON fundings (swap_id, seq);

-- Every version of a spend of a contract's outputs.
CREATE TABLE sweeps (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    swap_id BLOB NOT NULL REFERENCES swaps (id),
    tx      BLOB NOT NULL,
    fee_sat INTEGER NOT NULL,
    height  INTEGER NOT NULL
) STRICT;
CREATE INDEX sweeps_of_swap ON sweeps (swap_id, seq);

-- The block up to which the engine has seen everything.
CREATE TABLE engine_state (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    height INTEGER NOT NULL,
    hash   BLOB NOT NULL
) STRICT;

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- LDK's own data.
CREATE TABLE kv (
    primary_namespace   TEXT NOT NULL,
    secondary_namespace TEXT NOT NULL,
    key                 TEXT NOT NULL,
    value               BLOB NOT NULL,
    PRIMARY KEY (primary_namespace, secondary_namespace, key)
) STRICT;

CREATE TABLE wallet_changes (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    change BLOB NOT NULL
) STRICT;
