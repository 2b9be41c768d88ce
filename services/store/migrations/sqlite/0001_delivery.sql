-- What subscribers asked for. `body` is the wish as JSON; what is searched or changed alone is a
-- column. `state`: 0 active, 1 paused, 2 disabled, 3 deleted and being cleared.
CREATE TABLE subscriptions (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    within TEXT NOT NULL,
    state BIGINT NOT NULL,
    code TEXT,
    body TEXT NOT NULL,
    secret BLOB,
    former_secret BLOB,
    former_until BIGINT,
    since_seq BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

-- What became of the alerts that made no row, by subscription, and what its rows must add up to.
CREATE TABLE books (
    subscription BIGINT PRIMARY KEY,
    counted_to BIGINT NOT NULL,
    extra BIGINT NOT NULL DEFAULT 0,
    unmatched BIGINT NOT NULL DEFAULT 0,
    history BIGINT NOT NULL DEFAULT 0,
    muted BIGINT NOT NULL DEFAULT 0,
    duplicate BIGINT NOT NULL DEFAULT 0,
    cleared BIGINT NOT NULL DEFAULT 0,
    second BIGINT NOT NULL DEFAULT 0,
    second_cleared BIGINT NOT NULL DEFAULT 0,
    pace_at BIGINT NOT NULL DEFAULT 0,
    failing_since BIGINT,
    second_failing_since BIGINT
);

-- One row: how far the alerts log is planned, and the version of the wishes.
CREATE TABLE progress (
    id BIGINT PRIMARY KEY,
    seq BIGINT NOT NULL,
    version BIGINT NOT NULL,
    closed_at BIGINT NOT NULL
);
INSERT INTO progress (id, seq, version, closed_at) VALUES (1, 0, 0, 0);

CREATE TABLE positions (
    partition BIGINT PRIMARY KEY,
    position BIGINT NOT NULL
);

-- The ledger: an alert for a subscriber by its first (0) or second (1) channel.
-- `state`: 0 pending, 1 in flight, 2 delivered, 3 escalated, 4 first of a group that is open,
-- 5 further in a group (goes as its first goes). `parcel`: the group's id, if it stands in one.
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subscription BIGINT NOT NULL,
    channel BIGINT NOT NULL,
    alert TEXT NOT NULL,
    seq BIGINT NOT NULL,
    partition BIGINT NOT NULL,
    position BIGINT NOT NULL,
    level BIGINT NOT NULL,
    parcel TEXT,
    state BIGINT NOT NULL,
    born BIGINT NOT NULL,
    due BIGINT NOT NULL,
    attempt BIGINT NOT NULL DEFAULT 0,
    owner BIGINT,
    lease BIGINT,
    code TEXT,
    settled_at BIGINT
);
CREATE UNIQUE INDEX delivery_once ON deliveries (subscription, alert, channel);
CREATE INDEX delivery_lane ON deliveries (subscription, channel, state, due);
CREATE INDEX delivery_leased ON deliveries (lease) WHERE state = 1;
CREATE INDEX delivery_open ON deliveries (due) WHERE state = 4;
CREATE INDEX delivery_parcel ON deliveries (parcel, subscription, channel) WHERE parcel IS NOT NULL;

-- What people must look at: each thing that ended without reaching its receiver.
CREATE TABLE queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    subscription BIGINT,
    alert TEXT,
    code TEXT NOT NULL,
    at BIGINT NOT NULL,
    done_at BIGINT,
    done_by TEXT
);
CREATE INDEX queue_waiting ON queue (id) WHERE done_at IS NULL;

-- Alerts to be sent again from a time on, page by page.
CREATE TABLE replays (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subscription BIGINT NOT NULL,
    partition BIGINT NOT NULL,
    position BIGINT NOT NULL,
    until BIGINT NOT NULL,
    since BIGINT NOT NULL
);
