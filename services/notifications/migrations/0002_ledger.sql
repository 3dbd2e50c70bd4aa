-- What is to be told, to whom it was told, by which rule, and what came of each attempt.

CREATE TABLE notices (
    notice_id uuid PRIMARY KEY,
    partner_id uuid NOT NULL,
    client_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    kind text NOT NULL,
    occasion text NOT NULL,
    stage text NOT NULL,
    starts date,
    deadline date,
    period integer,
    due_at timestamptz NOT NULL,
    due_until timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    ends_as text NOT NULL,
    terms jsonb NOT NULL,
    client_version bigint NOT NULL DEFAULT 0,
    partner_version bigint NOT NULL DEFAULT 0,
    renewals_version bigint NOT NULL DEFAULT 0,
    policy_version bigint NOT NULL DEFAULT 0,
    overtaken_by text,
    planned_at timestamptz NOT NULL,
    UNIQUE (subject_id, occasion, stage)
);
CREATE INDEX notices_client ON notices (client_id, due_at);
COMMENT ON TABLE notices IS 'One stage of one contract change with one start, or one end of services.';
COMMENT ON COLUMN notices.subject_id IS 'The renewal; where services ended, the client.';
COMMENT ON COLUMN notices.occasion IS 'The renewal start as an ISO date, or the period that ended.';
COMMENT ON COLUMN notices.terms IS 'What its event said: money, products, owner, reason. Ids, no addresses.';
COMMENT ON COLUMN notices.client_version IS 'The replica has to be as new as what the event was decided on.';

CREATE SEQUENCE message_tokens AS bigint;

CREATE TABLE messages (
    message_id uuid PRIMARY KEY,
    notice_id uuid NOT NULL REFERENCES notices,
    partner_id uuid NOT NULL,
    client_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    occasion text NOT NULL,
    stage text NOT NULL,
    kind text NOT NULL,
    audience text CHECK (audience IN ('client', 'partner', 'hubspot')),
    recipient_id uuid,
    copied_user_id uuid,
    owner text,
    owner_source text,
    rule text NOT NULL DEFAULT '',
    state text NOT NULL CHECK (state IN ('planned', 'claimed', 'handed_over', 'deferred', 'accepted',
        'rejected', 'unknown', 'blocked', 'dropped', 'superseded')),
    reason text,
    ready boolean NOT NULL,
    available_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    token bigint,
    lease_until timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    deferrals integer NOT NULL DEFAULT 0,
    doubted boolean NOT NULL DEFAULT false,
    version bigint NOT NULL DEFAULT 0,
    planned_at timestamptz NOT NULL,
    settled_at timestamptz,
    checked_at timestamptz,
    address text,
    copied_address text,
    -- The reservation: one message per recipient, and one for whom the recipient is not known yet.
    UNIQUE NULLS NOT DISTINCT (subject_id, occasion, stage, recipient_id),
    CHECK ((lease_until IS NOT NULL) = (state IN ('claimed', 'handed_over')))
) WITH (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX messages_due ON messages (available_at)
    WHERE ready AND state IN ('planned', 'deferred', 'blocked');
CREATE INDEX messages_stuck ON messages (client_id)
    WHERE NOT ready AND state IN ('planned', 'blocked');
CREATE INDEX messages_stuck_partner ON messages (partner_id)
    WHERE NOT ready AND state IN ('planned', 'blocked');
CREATE INDEX messages_leased ON messages (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX messages_blocked ON messages (partner_id, ends_at, message_id) WHERE state = 'blocked';
CREATE INDEX messages_unknown ON messages (partner_id, due_at) WHERE state = 'unknown';
CREATE INDEX messages_notice ON messages (notice_id);
CREATE INDEX messages_listed ON messages (partner_id, due_at, message_id);
CREATE INDEX messages_client ON messages (client_id, due_at, message_id);
CREATE INDEX messages_addressed ON messages (planned_at) WHERE address IS NOT NULL;
COMMENT ON TABLE messages IS 'One message to one recipient, from plan to outcome.';
COMMENT ON COLUMN messages.recipient_id IS 'Contact, partner user or person of HubSpot, by the audience.';
COMMENT ON COLUMN messages.ready IS 'May be claimed: all that its event names has arrived.';
COMMENT ON COLUMN messages.token IS 'Grows with every claim; who holds an older one writes nothing.';
COMMENT ON COLUMN messages.lease_until IS 'By the database''s clock, which no test or demonstration moves.';
COMMENT ON COLUMN messages.doubted IS 'An attempt had no answer: nobody can tell whether it arrived.';
COMMENT ON COLUMN messages.address IS 'Where it went; kept for a while to answer who was told, then erased.';

CREATE TABLE attempts (
    message_id uuid NOT NULL REFERENCES messages,
    number integer NOT NULL,
    partner_id uuid NOT NULL,
    token bigint NOT NULL,
    handed_over_at timestamptz NOT NULL,
    finished_at timestamptz,
    outcome text CHECK (outcome IN ('accepted', 'deferred', 'rejected', 'unknown', 'not_sent')),
    code integer,
    answer text,
    PRIMARY KEY (message_id, number)
);
COMMENT ON COLUMN attempts.outcome IS 'Empty while the answer is awaited.';
COMMENT ON COLUMN attempts.answer IS 'What the mail relay said, without addresses.';

CREATE TABLE steps (
    step_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    at timestamptz NOT NULL,
    what text NOT NULL,
    reason text NOT NULL DEFAULT '',
    by_user uuid
);
CREATE INDEX steps_message ON steps (message_id, step_id);
COMMENT ON TABLE steps IS 'What happened to a message besides attempts: blocked, mended, dropped, sent again.';
