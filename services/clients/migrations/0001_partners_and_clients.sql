-- Partners with their people, clients with all that belongs to them, and what became of each.

CREATE TABLE partners (
    partner_id uuid PRIMARY KEY,
    hub_id bigint NOT NULL UNIQUE CHECK (hub_id > 0),
    name text NOT NULL CHECK (name <> ''),
    time_zone text NOT NULL DEFAULT 'UTC',
    version bigint NOT NULL CHECK (version > 0)
);
COMMENT ON TABLE partners IS 'Solutions partners: the tenants.';
COMMENT ON COLUMN partners.hub_id IS 'The partner''s HubSpot account (Hub ID).';
COMMENT ON COLUMN partners.version IS 'Grows by one with each change of the partner, a user or the team.';

CREATE TABLE users (
    user_id uuid PRIMARY KEY,
    partner_id uuid NOT NULL REFERENCES partners,
    name text NOT NULL,
    email text NOT NULL,
    admin boolean NOT NULL,
    active boolean NOT NULL
);
CREATE INDEX users_by_partner ON users (partner_id);
COMMENT ON TABLE users IS 'Persons of a partner, also those who no longer act for it.';

CREATE TABLE team_members (
    partner_id uuid NOT NULL REFERENCES partners,
    person_id uuid NOT NULL,
    role text NOT NULL CHECK (role <> ''),
    name text NOT NULL,
    email text NOT NULL,
    description text NOT NULL DEFAULT '',
    PRIMARY KEY (partner_id, person_id, role)
);
COMMENT ON TABLE team_members IS 'HubSpot''s people who support a partner, by role.';

CREATE TABLE clients (
    client_id uuid NOT NULL,
    partner_id uuid NOT NULL REFERENCES partners,
    record_id bigint NOT NULL CHECK (record_id > 0),
    account_id bigint NOT NULL CHECK (account_id > 0),
    version bigint NOT NULL CHECK (version > 0),
    name text NOT NULL CHECK (name <> ''),
    domain text NOT NULL CHECK (domain <> ''),
    industry text NOT NULL DEFAULT '',
    country text NOT NULL DEFAULT '',
    city text NOT NULL DEFAULT '',
    phone text NOT NULL DEFAULT '',
    employees integer CHECK (employees >= 0),
    sold boolean NOT NULL,
    managed boolean NOT NULL,
    sold_on date,
    active boolean NOT NULL DEFAULT true,
    period integer NOT NULL DEFAULT 1 CHECK (period > 0),
    ended_at timestamptz,
    contact_tier text NOT NULL DEFAULT '',
    contacts_limit bigint CHECK (contacts_limit >= 0),
    contacts_used bigint CHECK (contacts_used >= 0),
    email_limit bigint CHECK (email_limit >= 0),
    emails_used bigint CHECK (emails_used >= 0),
    apps_used smallint CHECK (apps_used BETWEEN 0 AND 17),
    usage_period_end date,
    manager_id uuid,
    manager_name text,
    manager_email text,
    name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (left(lower(name), 200)) STORED,
    domain_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(domain)) STORED,
    PRIMARY KEY (client_id, partner_id),
    UNIQUE (partner_id, record_id),
    CHECK (sold OR managed),
    CHECK (sold OR sold_on IS NULL),
    CHECK (active = (ended_at IS NULL)),
    CHECK ((contacts_limit IS NULL) = (contacts_used IS NULL)),
    CHECK (email_limit IS NULL OR emails_used IS NOT NULL),
    CHECK ((apps_used IS NULL) = (usage_period_end IS NULL)),
    CHECK ((manager_id IS NULL) = (manager_email IS NULL))
) WITH (fillfactor = 90);
CREATE INDEX clients_by_name ON clients (partner_id, name_key, client_id);
CREATE INDEX clients_by_domain ON clients (partner_id, domain_key, client_id);
COMMENT ON TABLE clients IS 'Companies that are HubSpot customers, each as one partner sees it.';
COMMENT ON COLUMN clients.record_id IS 'Record ID of the company in the partner''s CRM.';
COMMENT ON COLUMN clients.account_id IS 'The customer''s HubSpot account: the same for every partner.';
COMMENT ON COLUMN clients.version IS 'Grows by one with each change of anything of the client.';
COMMENT ON COLUMN clients.period IS 'Which of the times that the partner services the client.';
COMMENT ON COLUMN clients.email_limit IS 'NULL: it follows from the contacts limit.';
COMMENT ON COLUMN clients.name_key IS 'What lists are sorted by: an index row cannot hold any name.';
COMMENT ON COLUMN clients.apps_used IS 'Of HubSpot''s 17 countable apps.';

CREATE TABLE contacts (
    contact_id uuid PRIMARY KEY,
    client_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    roles text[] NOT NULL DEFAULT '{}',
    job_title text NOT NULL DEFAULT '',
    phone text NOT NULL DEFAULT '',
    FOREIGN KEY (client_id, partner_id) REFERENCES clients
);
CREATE INDEX contacts_by_client ON contacts (client_id);
COMMENT ON TABLE contacts IS 'Persons of a client, with the roles that they have there.';

CREATE TABLE subscriptions (
    subscription_id uuid PRIMARY KEY,
    client_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    product text NOT NULL CHECK (product <> ''),
    mrr numeric(14, 2) NOT NULL CHECK (mrr >= 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    term_start date NOT NULL,
    term_end date NOT NULL,
    CHECK (term_start <= term_end),
    FOREIGN KEY (client_id, partner_id) REFERENCES clients
);
CREATE INDEX subscriptions_by_client ON subscriptions (client_id);
COMMENT ON TABLE subscriptions IS 'Products that a client has with HubSpot, each for its present term.';

CREATE TABLE history (
    subject_id uuid NOT NULL,
    version bigint NOT NULL,
    partner_id uuid NOT NULL,
    change text NOT NULL,
    occurred_at timestamptz NOT NULL,
    actor_id uuid,
    before jsonb,
    after jsonb,
    PRIMARY KEY (subject_id, version)
);
COMMENT ON TABLE history IS 'Every change of a client or a partner: by whom, from what, to what.';
COMMENT ON COLUMN history.subject_id IS 'The client, or the partner itself.';
COMMENT ON COLUMN history.actor_id IS 'The user who asked for it; NULL where an import said so.';
