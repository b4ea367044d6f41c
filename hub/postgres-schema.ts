/** Version of the tables and functions below. */
export const POSTGRES_VERSION = 3;

/** Version 2 kept no checkpoints of journals. */
export const POSTGRES_CHECKPOINTS = `
  CREATE TABLE wardgate.checkpoints (
    no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway text NOT NULL,
    line integer NOT NULL,
    size bigint NOT NULL,
    root bytea NOT NULL,
    verdict text NOT NULL,
    seen_at bigint NOT NULL,
    note text NOT NULL,
    UNIQUE (gateway, line, size, root)
  );
`;

/** Advisory locks of a database: two numbers each, the first of them ours. */
export const LOCKS = { space: 1_463_898_692, commit: 1, books: 2, schema: 3 } as const;

/**
 * Everything lies in the schema `wardgate` of the database: first what cannot be made again (the sealed store), then what
 * `hub rebuild` makes again from it (the views). No table holds a device id or a value in clear (names.ts).
 *
 * Whoever commits records holds a lock until they are committed, so their numbers are the order of commits, without a hole
 * and for every reader. It is one call, so a hub that dies or hangs never holds it.
 */
export const POSTGRES_SCHEMA = `
  CREATE SCHEMA wardgate;
  CREATE TABLE wardgate.chains (
    no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway text NOT NULL,
    store text NOT NULL,
    class text NOT NULL,
    UNIQUE (gateway, store, class)
  );
  CREATE TABLE wardgate.records (
    id bigint PRIMARY KEY,
    chain integer NOT NULL,
    sequence bigint NOT NULL,
    hash bytea NOT NULL,
    previous bytea,
    committed_at bigint NOT NULL,
    backlog boolean NOT NULL,
    bytes bytea NOT NULL,
    UNIQUE (chain, sequence)
  );
  ALTER TABLE wardgate.records ALTER COLUMN bytes SET STORAGE EXTERNAL;
  CREATE TABLE wardgate.epochs (
    gateway text NOT NULL,
    epoch bytea NOT NULL,
    hash bytea NOT NULL,
    committed_at bigint NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (gateway, epoch)
  );
  CREATE TABLE wardgate.bindings (
    gateway text NOT NULL,
    signer bytea NOT NULL,
    hash bytea NOT NULL,
    at bigint NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (gateway, signer, hash)
  );
  CREATE TABLE wardgate.quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    reason text NOT NULL,
    hash bytea NOT NULL UNIQUE,
    at bigint NOT NULL,
    bytes bytea NOT NULL
  );
  CREATE TABLE wardgate.facts (name text PRIMARY KEY, value bigint NOT NULL);
  INSERT INTO wardgate.facts VALUES ('version', ${POSTGRES_VERSION}), ('booked', 0), ('generation', 0);
  CREATE TABLE wardgate.pages (key text COLLATE "C" PRIMARY KEY, bytes bytea NOT NULL);
  ALTER TABLE wardgate.pages ALTER COLUMN bytes SET STORAGE EXTERNAL;
  CREATE TABLE wardgate.marks (id bigint PRIMARY KEY, marks text NOT NULL);
  ${POSTGRES_CHECKPOINTS}

  CREATE FUNCTION wardgate.commit_records(
    chains integer[], sequences bigint[], hashes bytea, previous bytea, linked boolean[],
    committed_at bigint, backlog boolean[], starts integer[], lengths integer[], blob bytea
  ) RETURNS TABLE (place integer, id bigint, held bytea) LANGUAGE plpgsql AS $$
  #variable_conflict use_column
  DECLARE
    last bigint;
  BEGIN
    PERFORM pg_advisory_xact_lock(${LOCKS.space}, ${LOCKS.commit});
    SELECT coalesce(max(records.id), 0) INTO last FROM wardgate.records;
    RETURN QUERY
    WITH input AS MATERIALIZED (
      SELECT u.place::integer AS place, u.chain, u.sequence, u.linked, u.backlog, u.start, u.length
      FROM unnest(chains, sequences, linked, backlog, starts, lengths) WITH ORDINALITY
        AS u (chain, sequence, linked, backlog, start, length, place)
    ), taken AS MATERIALIZED (
      SELECT input.place, records.hash FROM input
      JOIN wardgate.records ON records.chain = input.chain AND records.sequence = input.sequence
    ), fresh AS MATERIALIZED (
      SELECT input.*, last + row_number() OVER (ORDER BY input.place) AS id FROM input
      WHERE NOT EXISTS (SELECT FROM taken WHERE taken.place = input.place)
    ), added AS (
      INSERT INTO wardgate.records
      SELECT fresh.id, fresh.chain, fresh.sequence,
        substr(commit_records.hashes, (fresh.place - 1) * 32 + 1, 32),
        CASE WHEN fresh.linked THEN substr(commit_records.previous, (fresh.place - 1) * 32 + 1, 32) END,
        commit_records.committed_at, fresh.backlog,
        substr(commit_records.blob, fresh.start + 1, fresh.length)
      FROM fresh
    )
    SELECT input.place, fresh.id, taken.hash FROM input
    LEFT JOIN fresh ON fresh.place = input.place LEFT JOIN taken ON taken.place = input.place
    ORDER BY input.place;
  END $$;

  CREATE FUNCTION wardgate.add_epoch(
    gateway text, epoch bytea, hash bytea, committed_at bigint, bytes bytea,
    signer bytea, binding_hash bytea, binding_at bigint, binding bytea
  ) RETURNS void LANGUAGE sql AS $$
    INSERT INTO wardgate.epochs VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;
    INSERT INTO wardgate.bindings VALUES ($1, $6, $7, $8, $9) ON CONFLICT DO NOTHING;
  $$;

  CREATE FUNCTION wardgate.save_views(
    from_booked bigint, from_generation bigint, to_booked bigint,
    keys text[], pages bytea[], gone text[], ids bigint[], texts text[]
  ) RETURNS boolean LANGUAGE plpgsql AS $$
  BEGIN
    UPDATE wardgate.facts SET value = to_booked WHERE name = 'booked' AND value = from_booked
      AND EXISTS (SELECT FROM wardgate.facts WHERE name = 'generation' AND value = from_generation);
    IF NOT FOUND THEN
      RETURN false;
    END IF;
    INSERT INTO wardgate.pages SELECT * FROM unnest(keys, save_views.pages)
      ON CONFLICT (key) DO UPDATE SET bytes = excluded.bytes;
    DELETE FROM wardgate.pages WHERE key = ANY (gone);
    INSERT INTO wardgate.marks SELECT * FROM unnest(ids, texts)
      ON CONFLICT (id) DO UPDATE SET marks = excluded.marks;
    RETURN true;
  END $$;

  CREATE FUNCTION wardgate.empty_views() RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    UPDATE wardgate.facts SET value = 0 WHERE name = 'booked';
    UPDATE wardgate.facts SET value = value + 1 WHERE name = 'generation';
    TRUNCATE wardgate.pages, wardgate.marks;
  END $$;
`;
