-- The hub's log and its states. Columns carry the names of the fields that they keep; a payload reference is three.
-- Text that is compared or ordered is ordered by its bytes, as everywhere in the hub.

CREATE TABLE works (
  id text PRIMARY KEY,
  applied_at double precision NOT NULL
);
CREATE INDEX works_by_age ON works USING brin (applied_at);

-- The last number of each partition; written last in every commit.
CREATE TABLE heads (
  stream text NOT NULL,
  partition smallint NOT NULL,
  number bigint NOT NULL,
  PRIMARY KEY (stream, partition)
);

CREATE TABLE lanes (
  reader text NOT NULL,
  stream text NOT NULL,
  partition smallint NOT NULL,
  position bigint NOT NULL,
  fence bigint NOT NULL,
  worker text NOT NULL,
  until double precision NOT NULL,
  PRIMARY KEY (reader, stream, partition)
);

-- Bytes by reference, in chunks of 1 MiB.
CREATE TABLE payloads (
  id text NOT NULL,
  chunk integer NOT NULL,
  added_at double precision NOT NULL,
  data bytea NOT NULL,
  PRIMARY KEY (id, chunk)
);
CREATE INDEX payloads_by_age ON payloads (added_at) WHERE chunk = 0;

CREATE TABLE arrivals (
  id text PRIMARY KEY,
  connection text NOT NULL,
  received_at double precision NOT NULL,
  headers bytea NOT NULL,
  payload text NOT NULL,
  payload_bytes bigint NOT NULL,
  payload_sha256 text NOT NULL
);
CREATE INDEX arrivals_by_age ON arrivals (received_at);

CREATE TABLE messages (
  stream text NOT NULL,
  partition smallint NOT NULL,
  number bigint NOT NULL,
  id text NOT NULL UNIQUE,
  arrival_id text NOT NULL,
  connection text NOT NULL,
  topic text NOT NULL,
  order_hint text NOT NULL,
  content_hash text NOT NULL,
  body text NOT NULL,
  body_bytes bigint NOT NULL,
  body_sha256 text NOT NULL,
  received_at double precision NOT NULL,
  hydrate text NOT NULL,
  remote_id text NOT NULL,
  state text NOT NULL,
  reason text NOT NULL,
  record text,
  record_bytes bigint,
  record_sha256 text,
  PRIMARY KEY (stream, partition, number)
);
CREATE INDEX messages_by_age ON messages (received_at);
CREATE INDEX messages_not_normalised ON messages (connection, state, received_at) WHERE state <> 'normalised';

CREATE TABLE events (
  partition smallint NOT NULL,
  number bigint NOT NULL,
  id text NOT NULL UNIQUE,
  connection text NOT NULL,
  account text NOT NULL,
  model text NOT NULL,
  major integer NOT NULL,
  verb text NOT NULL,
  key text NOT NULL,
  partitionkey text NOT NULL,
  version text NOT NULL,
  occurred_at double precision NOT NULL,
  cause text NOT NULL,
  origin text NOT NULL,
  trail text NOT NULL,
  data bytea NOT NULL,
  stale boolean NOT NULL,
  appended_at double precision NOT NULL,
  PRIMARY KEY (partition, number)
);
CREATE INDEX events_by_partitionkey ON events (partitionkey);
CREATE INDEX events_by_key ON events (key) WHERE key <> partitionkey;

CREATE TABLE entities (
  account text NOT NULL,
  model text NOT NULL,
  key text NOT NULL,
  version text COLLATE "C" NOT NULL,
  event_id text NOT NULL,
  PRIMARY KEY (account, model, key)
);

CREATE TABLE deliveries (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text NOT NULL UNIQUE,
  flow text NOT NULL,
  event_id text NOT NULL,
  key text NOT NULL,
  partitionkey text NOT NULL,
  partition smallint NOT NULL,
  number bigint NOT NULL,
  state text NOT NULL,
  waiting_for text,
  reason text NOT NULL,
  due_at double precision NOT NULL,
  attempts integer NOT NULL,
  generation integer NOT NULL,
  revision integer NOT NULL,
  batch text NOT NULL,
  outbound bytea NOT NULL,
  planned_at double precision NOT NULL,
  settled_at double precision NOT NULL
);
CREATE INDEX deliveries_by_place ON deliveries (partition, number);
CREATE INDEX deliveries_by_event ON deliveries (event_id);
CREATE INDEX deliveries_unsettled ON deliveries (flow, partitionkey, number)
  WHERE state NOT IN ('delivered', 'superseded', 'discarded');
CREATE INDEX deliveries_by_batch ON deliveries (batch) WHERE batch <> '';

CREATE TABLE exchanges (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text NOT NULL UNIQUE,
  batch text NOT NULL,
  connection text NOT NULL,
  step text NOT NULL,
  revision integer NOT NULL,
  effect text,
  request bytea NOT NULL,
  request_hash text NOT NULL,
  state text NOT NULL,
  answer bytea NOT NULL,
  why text NOT NULL,
  first_sent_at double precision NOT NULL,
  ended_at double precision NOT NULL,
  attempts integer NOT NULL
);
CREATE INDEX exchanges_by_batch ON exchanges (batch);

CREATE TABLE effects (
  id text PRIMARY KEY,
  delivery_id text NOT NULL,
  exchange_id text NOT NULL,
  item text NOT NULL,
  step text NOT NULL
);
CREATE INDEX effects_by_delivery ON effects (delivery_id);

CREATE TABLE attempts (
  exchange_id text NOT NULL,
  number integer NOT NULL,
  started_at double precision NOT NULL,
  ended_at double precision NOT NULL,
  outcome text NOT NULL,
  status integer NOT NULL,
  detail text NOT NULL,
  PRIMARY KEY (exchange_id, number)
);

-- A claim has no remote id yet: NULL, of which there may be many.
CREATE TABLE cross_references (
  account text COLLATE "C" NOT NULL,
  model text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  state text NOT NULL,
  remote_id text,
  effect_id text NOT NULL,
  version text NOT NULL,
  fingerprint text NOT NULL,
  moved_to text NOT NULL,
  trail text NOT NULL,
  updated_at double precision NOT NULL,
  PRIMARY KEY (key, account, model),
  UNIQUE (account, model, remote_id) DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE cells (
  name text COLLATE "C" PRIMARY KEY,
  version bigint NOT NULL,
  value bytea NOT NULL
);

CREATE TABLE counts (
  scope text NOT NULL,
  name text NOT NULL,
  amount bigint NOT NULL,
  PRIMARY KEY (scope, name)
);

CREATE TABLE tallies (
  kind text NOT NULL,
  name text NOT NULL,
  state text NOT NULL,
  amount bigint NOT NULL,
  PRIMARY KEY (kind, name, state)
);
