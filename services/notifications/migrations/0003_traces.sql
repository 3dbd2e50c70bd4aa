-- Where a trace goes on when a message is sent, which may be days after it was planned.

CREATE TABLE traces (
    notice_id uuid PRIMARY KEY REFERENCES notices ON DELETE CASCADE,
    partner_id uuid NOT NULL,
    traceparent text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX traces_at ON traces USING brin (at);
COMMENT ON TABLE traces IS 'The trace that led to a notice. Written and read only while spans are made.';
