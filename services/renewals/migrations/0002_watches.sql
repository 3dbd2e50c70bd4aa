-- What the sweep changes stands in narrow rows of its own: a stage told to one renewal rewrites a
-- few bytes and one small index, where it rewrote the whole renewal and all of its indexes.

CREATE TABLE watches (
    renewal_id uuid PRIMARY KEY REFERENCES renewals ON DELETE CASCADE,
    partner_id uuid NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    next_stage text,
    next_stage_at timestamptz,
    CHECK ((next_stage IS NULL) = (next_stage_at IS NULL))
) WITH (fillfactor = 70);

INSERT INTO watches (renewal_id, partner_id, version, next_stage, next_stage_at)
SELECT renewal_id, partner_id, version, next_stage, next_stage_at FROM renewals;

ALTER TABLE renewals DROP COLUMN version, DROP COLUMN next_stage, DROP COLUMN next_stage_at;
CREATE INDEX watches_due ON watches (next_stage_at) WHERE next_stage_at IS NOT NULL;

COMMENT ON TABLE watches IS 'Each renewal''s version, and when the sweep looks at it; locked with it.';
COMMENT ON COLUMN watches.next_stage IS 'The first stage not dealt with, looked at at next_stage_at.';
