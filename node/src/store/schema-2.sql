-- Payments of Lightning invoices that are no part of a swap.
CREATE TABLE payments (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    hash    BLOB NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    record  TEXT NOT NULL
) STRICT;
