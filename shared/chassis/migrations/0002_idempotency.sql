-- What was answered to a command, so that the same command given again gets the same answer.

CREATE TABLE idempotency_keys (
    partner_id uuid NOT NULL,
    key text NOT NULL,
    request_hash text NOT NULL,
    status integer NOT NULL,
    body bytea NOT NULL,
    headers jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (partner_id, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys USING brin (created_at);
COMMENT ON TABLE idempotency_keys IS 'Answers to commands that carried an Idempotency-Key.';
