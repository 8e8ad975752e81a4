-- The hub's log and its states.
--
-- Identities that are 32 hex digits are kept as 16 bytes, others as text. A `place` is one integer for where a row
-- stands in a stream: (stream code << 45) | (partition << 40) | number, so a lane is one range of the table itself.
-- Rows are appended at the end of their table and found by narrow indexes; what is hot has a partial index of its own.

CREATE TABLE works (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  applied_at INTEGER NOT NULL
);

CREATE TABLE streams (code INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

-- The last number of each partition; updated last in every commit.
CREATE TABLE heads (
  stream INTEGER NOT NULL,
  partition INTEGER NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (stream, partition)
) WITHOUT ROWID;

CREATE TABLE lanes (
  reader TEXT NOT NULL,
  stream TEXT NOT NULL,
  partition INTEGER NOT NULL,
  position INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  worker TEXT NOT NULL,
  until REAL NOT NULL,
  PRIMARY KEY (reader, stream, partition)
) WITHOUT ROWID;

-- Bytes by reference, in chunks of 1 MiB.
CREATE TABLE payloads (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  chunk INTEGER NOT NULL,
  added_at REAL NOT NULL,
  data BLOB NOT NULL
);
CREATE UNIQUE INDEX payloads_by_id ON payloads (id, chunk);

CREATE TABLE arrivals (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  connection TEXT NOT NULL,
  received_at REAL NOT NULL,
  headers BLOB NOT NULL,
  payload BLOB NOT NULL,
  payload_bytes INTEGER NOT NULL,
  payload_sha256 BLOB NOT NULL
);

CREATE TABLE messages (
  place INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  arrival BLOB NOT NULL,
  connection TEXT NOT NULL,
  topic TEXT NOT NULL,
  order_hint TEXT NOT NULL,
  content_hash BLOB NOT NULL,
  body BLOB NOT NULL,
  body_bytes INTEGER NOT NULL,
  body_sha256 BLOB NOT NULL,
  received_at REAL NOT NULL,
  hydrate TEXT NOT NULL,
  remote_id TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  record BLOB,
  record_bytes INTEGER,
  record_sha256 BLOB
);
CREATE INDEX messages_not_normalised ON messages (connection, state, received_at) WHERE state <> 'normalised';

CREATE TABLE events (
  place INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  connection TEXT NOT NULL,
  account TEXT NOT NULL,
  model TEXT NOT NULL,
  major INTEGER NOT NULL,
  verb TEXT NOT NULL,
  key TEXT NOT NULL,
  partitionkey TEXT NOT NULL,
  version TEXT NOT NULL,
  occurred_at REAL NOT NULL,
  cause BLOB NOT NULL,
  origin BLOB NOT NULL,
  trail TEXT NOT NULL,
  data BLOB NOT NULL,
  stale INTEGER NOT NULL,
  appended_at REAL NOT NULL
);
CREATE INDEX events_by_partitionkey ON events (partitionkey);
CREATE INDEX events_by_key ON events (key) WHERE key <> partitionkey;

CREATE TABLE entities (
  key TEXT NOT NULL,
  account TEXT NOT NULL,
  model TEXT NOT NULL,
  version TEXT NOT NULL,
  event BLOB NOT NULL,
  PRIMARY KEY (key, account, model)
) WITHOUT ROWID;

CREATE TABLE deliveries (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  flow TEXT NOT NULL,
  event BLOB NOT NULL,
  key TEXT NOT NULL,
  partitionkey TEXT NOT NULL,
  place INTEGER NOT NULL,
  state TEXT NOT NULL,
  waiting_for TEXT,
  reason TEXT NOT NULL,
  due_at REAL NOT NULL,
  attempts INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  batch BLOB NOT NULL,
  outbound BLOB NOT NULL,
  planned_at REAL NOT NULL,
  settled_at REAL NOT NULL,
  -- 0: the hub moves it by itself. 1: held or dead, for a person. 2: settled. The indexes hang on this and not on
  -- `state`, so that a move within a stage touches none of them.
  stage INTEGER NOT NULL
);
CREATE INDEX deliveries_by_place ON deliveries (place);
CREATE INDEX deliveries_unsettled ON deliveries (flow, partitionkey, place) WHERE stage < 2;
CREATE INDEX deliveries_for_a_person ON deliveries (place) WHERE stage = 1;
CREATE INDEX deliveries_by_batch ON deliveries (batch) WHERE batch <> '';

CREATE TABLE exchanges (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  batch BLOB NOT NULL,
  connection TEXT NOT NULL,
  step TEXT NOT NULL,
  revision INTEGER NOT NULL,
  effect TEXT,
  request BLOB NOT NULL,
  request_hash BLOB NOT NULL,
  state TEXT NOT NULL,
  answer BLOB NOT NULL,
  why TEXT NOT NULL,
  first_sent_at REAL NOT NULL,
  ended_at REAL NOT NULL,
  attempts INTEGER NOT NULL
);
CREATE INDEX exchanges_by_batch ON exchanges (batch);

CREATE TABLE effects (
  delivery BLOB NOT NULL,
  id BLOB NOT NULL,
  exchange BLOB NOT NULL,
  item TEXT NOT NULL,
  step TEXT NOT NULL,
  PRIMARY KEY (delivery, id)
) WITHOUT ROWID;

CREATE TABLE attempts (
  exchange BLOB NOT NULL,
  number INTEGER NOT NULL,
  started_at REAL NOT NULL,
  ended_at REAL NOT NULL,
  outcome TEXT NOT NULL,
  status INTEGER NOT NULL,
  detail TEXT NOT NULL,
  PRIMARY KEY (exchange, number)
) WITHOUT ROWID;

CREATE TABLE cross_references (
  key TEXT NOT NULL,
  account TEXT NOT NULL,
  model TEXT NOT NULL,
  state TEXT NOT NULL,
  remote_id TEXT,
  effect BLOB NOT NULL,
  version TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  moved_to TEXT NOT NULL,
  trail TEXT NOT NULL,
  updated_at REAL NOT NULL,
  PRIMARY KEY (key, account, model)
) WITHOUT ROWID;
CREATE UNIQUE INDEX cross_references_by_remote ON cross_references (account, model, remote_id);

CREATE TABLE cells (
  name TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE counts (
  scope TEXT NOT NULL,
  name TEXT NOT NULL,
  amount INTEGER NOT NULL,
  PRIMARY KEY (scope, name)
) WITHOUT ROWID;

-- How many rows are in each state now, so that a screen never counts a table.
CREATE TABLE tallies (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  amount INTEGER NOT NULL,
  PRIMARY KEY (kind, name, state)
) WITHOUT ROWID;
