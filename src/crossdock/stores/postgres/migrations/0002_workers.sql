-- Several workers commit beside one another: sums are kept in slots, so that no two workers wait for the same row.
ALTER TABLE counts ADD COLUMN slot smallint NOT NULL DEFAULT 0;
ALTER TABLE counts DROP CONSTRAINT counts_pkey;
ALTER TABLE counts ADD PRIMARY KEY (scope, name, slot);
ALTER TABLE tallies ADD COLUMN slot smallint NOT NULL DEFAULT 0;
ALTER TABLE tallies DROP CONSTRAINT tallies_pkey;
ALTER TABLE tallies ADD PRIMARY KEY (kind, name, state, slot);

-- Who is at work. Rows of the dead go when the living look.
CREATE TABLE workers (
  name text COLLATE "C" PRIMARY KEY,
  role text NOT NULL,
  until double precision NOT NULL
);

-- By the remote id first: else a look-up by key may be planned over all of an account's records.
ALTER TABLE cross_references DROP CONSTRAINT cross_references_account_model_remote_id_key;
ALTER TABLE cross_references ADD UNIQUE (remote_id, account, model) DEFERRABLE INITIALLY DEFERRED;
