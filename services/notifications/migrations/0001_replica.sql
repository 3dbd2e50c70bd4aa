-- What the other services said last: whom a client has, whom a partner has, who owns what.

CREATE TABLE partners (
    partner_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    hub_id bigint NOT NULL,
    name text NOT NULL,
    time_zone text NOT NULL,
    team jsonb NOT NULL DEFAULT '[]',
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN partners.team IS 'HubSpot''s people who look after the partner.';
COMMENT ON COLUMN partners.changed_at IS 'By the database''s clock; a blocked message is looked at again.';

CREATE TABLE partner_users (
    user_id uuid PRIMARY KEY,
    partner_id uuid NOT NULL,
    name text NOT NULL DEFAULT '',
    email text NOT NULL DEFAULT '',
    admin boolean NOT NULL DEFAULT false,
    active boolean NOT NULL,
    version bigint NOT NULL DEFAULT 0,
    active_version bigint NOT NULL DEFAULT 0
);
CREATE INDEX partner_users_partner ON partner_users (partner_id);
COMMENT ON COLUMN partner_users.version IS 'Of the partner''s snapshot that named the user; 0 while only a fact did.';
COMMENT ON COLUMN partner_users.active_version IS 'Of the partner, when the user was last said to be active or not.';

CREATE TABLE policies (
    partner_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    default_owner jsonb NOT NULL,
    default_point_of_contact_id uuid,
    recipient_roles text[] NOT NULL,
    tell_renewal_manager boolean NOT NULL,
    stages jsonb NOT NULL DEFAULT '[]',
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE clients (
    client_id uuid PRIMARY KEY,
    partner_id uuid NOT NULL,
    version bigint NOT NULL DEFAULT 0,
    name text NOT NULL DEFAULT '',
    domain text NOT NULL DEFAULT '',
    record_id bigint NOT NULL DEFAULT 0,
    account_id bigint NOT NULL DEFAULT 0,
    contacts jsonb NOT NULL DEFAULT '[]',
    renewal_manager jsonb,
    period integer NOT NULL,
    serviced boolean NOT NULL,
    services_version bigint NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX clients_partner ON clients (partner_id, client_id);
COMMENT ON COLUMN clients.version IS 'Of the snapshot last heard; 0 while only an end or a resume was.';
COMMENT ON COLUMN clients.services_version IS 'Of the client, when services were last said to be on or off.';

CREATE TABLE client_policies (
    client_id uuid PRIMARY KEY,
    partner_id uuid NOT NULL,
    version bigint NOT NULL,
    owner jsonb NOT NULL,
    stages jsonb
);
COMMENT ON COLUMN client_policies.version IS 'Of the client''s renewals snapshot last heard.';

CREATE TABLE renewals (
    renewal_id uuid PRIMARY KEY,
    client_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    starts date NOT NULL,
    deadline date,
    currency text,
    current_mrr numeric(14, 2),
    renewal_mrr numeric(14, 2),
    products jsonb NOT NULL DEFAULT '[]',
    version bigint NOT NULL,
    listed_version bigint NOT NULL DEFAULT 0
);
CREATE INDEX renewals_client ON renewals (client_id);
COMMENT ON COLUMN renewals.version IS 'Its own, by which facts and snapshots are told apart: no two clocks agree.';
COMMENT ON COLUMN renewals.listed_version IS 'Of the client''s snapshot that last had it; 0 while only a fact told of it.';
