-- What every service needs to hear each event once and to lose none of its own.

CREATE TABLE outbox (
    shard smallint NOT NULL,
    -- CACHE 1, the default, is part of the order: a cached sequence hands out ids by session.
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    payload bytea,
    -- json, not jsonb: kept as written, and able to hold what a foreign record brought.
    headers json NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (shard, id)
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_threshold = -1,
    autovacuum_vacuum_cost_delay = 0
);
COMMENT ON TABLE outbox IS 'Events that are committed here and not yet acknowledged by Kafka.';
COMMENT ON COLUMN outbox.shard IS 'crc32 of the key, modulo 16: relays share the shards.';
COMMENT ON COLUMN outbox.payload IS 'The bytes that Kafka gets; NULL is a tombstone.';
COMMENT ON COLUMN outbox.headers IS 'Names to texts; for what came from elsewhere a list of [name, base64 or null].';

CREATE TABLE inbox (
    consumer text NOT NULL,
    source text NOT NULL,
    event_id uuid NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('handled', 'dead')),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer, source, event_id)
);
CREATE INDEX inbox_at ON inbox USING brin (at);
COMMENT ON TABLE inbox IS 'Events that a consumer group has dealt with; a second copy is skipped.';

CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer text NOT NULL,
    source text NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    written_at timestamptz NOT NULL,
    key bytea,
    headers json NOT NULL,
    value bytea,
    error text NOT NULL,
    stack text NOT NULL,
    tries integer NOT NULL DEFAULT 1 CHECK (tries > 0),
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'retried', 'discarded')),
    died_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    settled_at timestamptz,
    CHECK ((status = 'open') = (settled_at IS NULL))
);
CREATE INDEX dead_letters_open ON dead_letters (id) WHERE status = 'open';
CREATE INDEX dead_letters_key ON dead_letters (topic, key);
COMMENT ON TABLE dead_letters IS 'Records that could not be handled, whole, so that they can be put back.';
COMMENT ON COLUMN dead_letters.headers IS 'A list of [name, base64 of the value, or null].';
