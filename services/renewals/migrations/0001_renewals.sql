-- Partners and clients as the clients service tells of them, with what is set for them here.

CREATE TABLE partners (
    partner_id uuid PRIMARY KEY,
    partner_version integer NOT NULL DEFAULT 0 CHECK (partner_version >= 0),
    time_zone text NOT NULL DEFAULT 'UTC',
    policy_version integer NOT NULL DEFAULT 0 CHECK (policy_version >= 0),
    owner text CHECK (owner IN ('hubspot', 'partner')),
    notified_user_id uuid,
    point_of_contact_id uuid,
    default_point_of_contact_id uuid,
    recipient_roles text[] NOT NULL DEFAULT '{decision_maker}',
    tell_renewal_manager boolean NOT NULL DEFAULT true,
    send_hour text NOT NULL DEFAULT '09:00',
    stages text[],
    CHECK (owner IS DISTINCT FROM 'partner' OR point_of_contact_id IS NOT NULL)
);
COMMENT ON COLUMN partners.partner_version IS 'Of the snapshot last heard; 0 while only the id is known.';
COMMENT ON COLUMN partners.owner IS 'NULL: the factory''s default, HubSpot.';
COMMENT ON COLUMN partners.stages IS 'NULL: the factory''s stages.';

CREATE TABLE partner_users (
    partner_id uuid NOT NULL,
    user_id uuid NOT NULL,
    active boolean NOT NULL,
    version integer NOT NULL,
    PRIMARY KEY (partner_id, user_id)
);
COMMENT ON COLUMN partner_users.version IS 'The partner''s version at which this was last said.';

CREATE TABLE clients (
    client_id uuid PRIMARY KEY,
    partner_id uuid NOT NULL,
    client_version integer NOT NULL DEFAULT 0 CHECK (client_version >= 0),
    serviced boolean NOT NULL DEFAULT true,
    period integer NOT NULL DEFAULT 1 CHECK (period >= 1),
    name text NOT NULL DEFAULT '',
    domain text NOT NULL DEFAULT '',
    owner text NOT NULL DEFAULT 'default' CHECK (owner IN ('default', 'hubspot', 'partner')),
    notified_user_id uuid,
    point_of_contact_id uuid,
    owner_version integer NOT NULL DEFAULT 0,
    stages text[],
    stages_version integer NOT NULL DEFAULT 0,
    renewals_version integer NOT NULL DEFAULT 0,
    CHECK ((owner = 'partner') = (point_of_contact_id IS NOT NULL)),
    CHECK (owner = 'hubspot' OR notified_user_id IS NULL)
) WITH (fillfactor = 85);
CREATE INDEX clients_partner ON clients (partner_id, owner);
COMMENT ON COLUMN clients.client_version IS 'Of the snapshot last heard; 0 while only an end or a resume was.';
COMMENT ON COLUMN clients.renewals_version IS 'Of the client''s own snapshot on renewals.state.v1.';

-- Contract changes. A row per client, start and currency of a renewal; a withdrawn one has no slot.

CREATE TABLE renewals (
    renewal_id uuid PRIMARY KEY,
    client_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('renewal', 'contact_tier_upgrade', 'email_overage')),
    status text NOT NULL CHECK (status IN
        ('pending', 'confirmed', 'renewed', 'cancellation_requested', 'ended', 'withdrawn')),
    starts date NOT NULL,
    deadline date NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    current_mrr numeric(14, 2) NOT NULL,
    renewal_mrr numeric(14, 2) NOT NULL,
    -- json, not jsonb: written into events as it stands.
    products json NOT NULL,
    options json NOT NULL,
    chosen_option_id uuid,
    decided_by uuid,
    decided_at timestamptz,
    reason text NOT NULL DEFAULT '',
    quoted_for date,
    slot date GENERATED ALWAYS AS
        (CASE WHEN kind = 'renewal' AND status <> 'withdrawn' THEN starts END) STORED,
    CHECK (deadline < starts),
    -- Looked at when a statement ends: two renewals of a client may change places in one.
    UNIQUE (client_id, currency, slot) DEFERRABLE INITIALLY IMMEDIATE
) WITH (fillfactor = 85);
CREATE INDEX renewals_pending ON renewals (deadline) WHERE status = 'pending';
CREATE INDEX renewals_partner ON renewals (partner_id, deadline, renewal_id);
COMMENT ON COLUMN renewals.quoted_for IS 'The start that its quotes name, if it moved since.';

-- What the sweep changes stands in narrow rows of its own: a stage told to one renewal rewrites a
-- few bytes and one small index, where it would rewrite the whole renewal and all of its indexes.

CREATE TABLE watches (
    renewal_id uuid PRIMARY KEY REFERENCES renewals ON DELETE CASCADE,
    partner_id uuid NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    next_stage text,
    next_stage_at timestamptz,
    CHECK ((next_stage IS NULL) = (next_stage_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX watches_due ON watches (next_stage_at) WHERE next_stage_at IS NOT NULL;
COMMENT ON TABLE watches IS 'Each renewal''s version, and when the sweep looks at it; locked with it.';
COMMENT ON COLUMN watches.next_stage IS 'The first stage not dealt with, looked at at next_stage_at.';

-- What became of each stage, for good: a stage is told once for a renewal and a start.

CREATE TABLE stage_records (
    renewal_id uuid NOT NULL,
    starts date NOT NULL,
    stage text NOT NULL,
    partner_id uuid NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('fired', 'superseded', 'skipped')),
    due_at timestamptz NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (renewal_id, starts, stage)
);
COMMENT ON COLUMN stage_records.outcome IS 'skipped: switched on after its day.';

CREATE TABLE quotes (
    client_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    starts date NOT NULL,
    option text NOT NULL,
    product text NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    renewal_mrr numeric(14, 2) NOT NULL CHECK (renewal_mrr >= 0),
    is_default boolean NOT NULL DEFAULT false,
    PRIMARY KEY (client_id, starts, option, product)
);
COMMENT ON TABLE quotes IS 'Prices for a new term; kept also before its renewal is known.';

CREATE TABLE changes (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner_id uuid NOT NULL,
    client_id uuid,
    subject text NOT NULL CHECK (subject IN ('owner', 'stages')),
    actor uuid,
    at timestamptz NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL
);
CREATE INDEX changes_partner ON changes (partner_id, subject, change_id) WHERE client_id IS NULL;
CREATE INDEX changes_client ON changes (client_id, subject, change_id) WHERE client_id IS NOT NULL;
COMMENT ON TABLE changes IS 'Who changed which setting, from what to what; actor NULL: an import.';
