-- Where partners want their events, and what is on its way there.

CREATE TABLE endpoints (
    endpoint_id uuid PRIMARY KEY,
    partner_id uuid NOT NULL,
    url text NOT NULL,
    description text NOT NULL DEFAULT '',
    types text[] NOT NULL,
    active boolean NOT NULL DEFAULT true,
    off_reason text CHECK (off_reason IN ('asked', 'gone')),
    secret text NOT NULL,
    secret_before text,
    secret_before_until timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    CHECK (active = (off_reason IS NULL)),
    CHECK ((secret_before IS NULL) = (secret_before_until IS NULL))
);
CREATE INDEX endpoints_partner ON endpoints (partner_id, created_at, endpoint_id);
COMMENT ON COLUMN endpoints.off_reason IS 'asked: an admin switched it off; gone: it answered 410.';
COMMENT ON COLUMN endpoints.secret IS 'Sealed with the service''s key, which is not in the database.';
COMMENT ON COLUMN endpoints.created_at IS 'What happened before is not sent.';

CREATE TABLE deliveries (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    endpoint_id uuid NOT NULL REFERENCES endpoints ON DELETE CASCADE,
    partner_id uuid NOT NULL,
    source text NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    key text NOT NULL,
    headers json NOT NULL,
    payload bytea NOT NULL,
    occurred_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    outcome text,
    status integer,
    tried_at timestamptz,
    settled_at timestamptz,
    UNIQUE (endpoint_id, source, event_id),
    CHECK ((state = 'waiting') = (settled_at IS NULL))
);
CREATE INDEX deliveries_waiting ON deliveries (endpoint_id, key, seq) WHERE state = 'waiting';
CREATE INDEX deliveries_settled ON deliveries (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX deliveries_partner ON deliveries (partner_id, seq);
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id, seq);
CREATE INDEX deliveries_key ON deliveries (key, seq);
CREATE INDEX deliveries_dead ON deliveries (endpoint_id) WHERE state = 'dead';
COMMENT ON COLUMN deliveries.seq IS 'The order in which the events were heard.';
COMMENT ON COLUMN deliveries.headers IS 'Of the record, as it came from Kafka; so is the payload.';
COMMENT ON COLUMN deliveries.outcome IS 'What came of the last attempt.';

CREATE TABLE queues (
    endpoint_id uuid NOT NULL REFERENCES endpoints ON DELETE CASCADE,
    key text NOT NULL,
    partner_id uuid NOT NULL,
    head bigint,
    available_at timestamptz NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    failing_since timestamptz,
    leased_until timestamptz,
    token bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (endpoint_id, key)
);
CREATE INDEX queues_due ON queues (endpoint_id, available_at) WHERE head IS NOT NULL;
CREATE INDEX queues_head ON queues (head) WHERE head IS NOT NULL;
CREATE INDEX queues_leased ON queues (endpoint_id) WHERE leased_until IS NOT NULL;
CREATE INDEX queues_empty ON queues (available_at) WHERE head IS NULL;
CREATE SEQUENCE queue_tokens;
COMMENT ON TABLE queues IS 'Who holds a queue alone sends its head: so the order of a key is kept.';
COMMENT ON COLUMN queues.head IS 'The first delivery that waits; NULL where none does.';
COMMENT ON COLUMN queues.tries IS 'Failures since the last success.';
COMMENT ON COLUMN queues.leased_until IS 'By the database''s clock.';

CREATE TABLE erased (
    key text PRIMARY KEY
);
COMMENT ON TABLE erased IS 'Clients and partners of whom nothing may be kept, whenever it comes.';
