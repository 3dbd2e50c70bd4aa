-- What the page shows, made from the topics alone. There are two models of one shape: one serves
-- while the other may be built anew.

CREATE SCHEMA model_a;
CREATE SCHEMA model_b;

CREATE TABLE model_a.partners (
    partner_id uuid PRIMARY KEY,
    version bigint NOT NULL DEFAULT 0,
    hub_id bigint,
    name text NOT NULL DEFAULT '',
    time_zone text NOT NULL DEFAULT 'UTC',
    users json NOT NULL DEFAULT '[]',
    team json NOT NULL DEFAULT '[]',
    policy_version bigint NOT NULL DEFAULT 0,
    policy json,
    tier_version bigint NOT NULL DEFAULT 0,
    tier json
);
COMMENT ON COLUMN model_a.partners.version IS 'Of the clients service''s snapshot; 0 until one came.';
COMMENT ON COLUMN model_a.partners.users IS 'PartnerUser of the contracts, all of them.';
COMMENT ON COLUMN model_a.partners.team IS 'HubSpotPerson of the contracts, all of them.';
COMMENT ON COLUMN model_a.partners.policy IS 'PartnerPolicySnapshot; NULL until one came.';
COMMENT ON COLUMN model_a.partners.tier IS 'PartnerTierSnapshot; NULL until one came.';

CREATE TABLE model_a.clients (
    client_id uuid PRIMARY KEY,
    partner_id uuid NOT NULL,
    version bigint NOT NULL DEFAULT 0,
    services_version bigint NOT NULL DEFAULT 0,
    record_id bigint,
    account_id bigint,
    name text NOT NULL DEFAULT '',
    domain text NOT NULL DEFAULT '',
    search text NOT NULL GENERATED ALWAYS AS (left(lower(domain), 100) || ' ' || left(lower(name), 100)) STORED,
    sold boolean NOT NULL DEFAULT false,
    managed boolean NOT NULL DEFAULT false,
    active boolean NOT NULL DEFAULT false,
    serviced boolean NOT NULL GENERATED ALWAYS AS (active AND version > 0) STORED,
    period integer NOT NULL DEFAULT 0,
    ended_at timestamptz,
    products text[] NOT NULL DEFAULT '{}',
    apps_used smallint,
    currency text,
    mrr numeric(16, 2),
    mrrs json NOT NULL DEFAULT '{}',
    document json,
    renewals_version bigint NOT NULL DEFAULT 0,
    owner json,
    owner_version bigint NOT NULL DEFAULT 0,
    stages json,
    stages_version bigint NOT NULL DEFAULT 0,
    sort_domain text NOT NULL GENERATED ALWAYS AS (left(lower(domain), 100)) STORED,
    sort_name text NOT NULL GENERATED ALWAYS AS (left(lower(name), 100)) STORED,
    sort_usage smallint NOT NULL GENERATED ALWAYS AS (coalesce(apps_used, -1)) STORED,
    sort_currency text NOT NULL GENERATED ALWAYS AS (coalesce(currency, '')) STORED,
    sort_mrr bigint NOT NULL GENERATED ALWAYS AS (coalesce(mrr * 100, 0)::bigint) STORED
) WITH (toast_tuple_target = 512);  -- documents beside the rows: lists read none
-- Lists are read a partner at a time in one of these orders. The keys are of types whose comparison
-- is leakproof, so that row-level security lets the index find the place of a page (of numeric it
-- does not), and texts are cut, since an index holds no entry of ten thousand characters. What is
-- searched is in the index, so that a search reads no rows but those that it finds.
CREATE INDEX clients_by_domain
    ON model_a.clients (partner_id, serviced, sort_domain, client_id) INCLUDE (search);
CREATE INDEX clients_by_name ON model_a.clients (partner_id, serviced, sort_name, client_id);
CREATE INDEX clients_by_usage ON model_a.clients (partner_id, serviced, sort_usage, client_id);
CREATE INDEX clients_by_mrr
    ON model_a.clients (partner_id, serviced, sort_currency, sort_mrr, client_id);
COMMENT ON COLUMN model_a.clients.version IS 'Of the clients service''s snapshot; 0 until one came.';
COMMENT ON COLUMN model_a.clients.services_version IS 'Version as of which it is known whether services run, by whichever topic told first.';
COMMENT ON COLUMN model_a.clients.active IS 'Whether services run, whether or not more than that was heard of the client.';
COMMENT ON COLUMN model_a.clients.serviced IS 'Whether services run; false while no snapshot came, so that nobody sees a client without a name.';
COMMENT ON COLUMN model_a.clients.products IS 'Names of the products owned, each once, in order.';
COMMENT ON COLUMN model_a.clients.currency IS 'That of most of its revenue; NULL without subscriptions.';
COMMENT ON COLUMN model_a.clients.mrr IS 'Monthly revenue in that currency.';
COMMENT ON COLUMN model_a.clients.mrrs IS 'Monthly revenue by currency, as decimal strings; never added up.';
COMMENT ON COLUMN model_a.clients.search IS 'Domain and name, as far as they are searched.';
COMMENT ON COLUMN model_a.clients.document IS 'ClientSnapshot of the contracts; NULL until one came.';
COMMENT ON COLUMN model_a.clients.renewals_version IS 'Of the renewals service''s snapshot; 0 until one came.';
COMMENT ON COLUMN model_a.clients.owner IS 'OwnerChoice of the contracts; NULL: the default.';
COMMENT ON COLUMN model_a.clients.stages IS 'The client''s own stages; NULL: the partner''s.';

CREATE TABLE model_a.renewals (
    renewal_id uuid PRIMARY KEY,
    client_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    version bigint NOT NULL DEFAULT 0,
    kind text NOT NULL,
    status text NOT NULL,
    starts date NOT NULL,
    deadline date NOT NULL,
    currency text NOT NULL,
    current_mrr numeric(14, 2) NOT NULL,
    renewal_mrr numeric(14, 2) NOT NULL,
    products json NOT NULL DEFAULT '[]',
    options json NOT NULL DEFAULT '[]',
    chosen_option_id uuid
);
CREATE INDEX renewals_client ON model_a.renewals (client_id);
CREATE INDEX renewals_deadline ON model_a.renewals (partner_id, deadline, renewal_id);
-- The number in Alerts, which is on every morning's page, is counted in this index alone.
CREATE INDEX renewals_pending
    ON model_a.renewals (partner_id, status, starts) INCLUDE (deadline, client_id);
COMMENT ON TABLE model_a.renewals IS 'Contract changes, as the last snapshot of their client has them.';
COMMENT ON COLUMN model_a.renewals.starts IS 'First day of the new terms.';
COMMENT ON COLUMN model_a.renewals.products IS 'Product of the contracts.';
COMMENT ON COLUMN model_a.renewals.options IS 'Option of the contracts.';

CREATE TABLE model_a.stages (
    renewal_id uuid NOT NULL,
    starts date NOT NULL,
    stage text NOT NULL,
    client_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    superseded_by text,
    due_at timestamptz,
    told_at timestamptz NOT NULL,
    PRIMARY KEY (renewal_id, starts, stage)
);
CREATE INDEX stages_client ON model_a.stages (client_id);
COMMENT ON TABLE model_a.stages IS 'Stages whose time has come, of each start that a contract change had.';
COMMENT ON COLUMN model_a.stages.superseded_by IS 'The stage that overtook it; NULL where it was told.';

CREATE TABLE model_a.messages (
    message_id uuid PRIMARY KEY,
    client_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    version bigint NOT NULL,
    renewal_id uuid,
    starts date,
    kind text NOT NULL,
    stage text NOT NULL,
    audience text NOT NULL,
    recipient_id uuid,
    copied_user_id uuid,
    rule text NOT NULL,
    state text NOT NULL CHECK (state IN ('sent', 'blocked', 'dropped', 'superseded', 'failed', 'in_doubt')),
    reason text NOT NULL DEFAULT '',
    attempts integer NOT NULL DEFAULT 0,
    at timestamptz NOT NULL
);
CREATE INDEX messages_client ON model_a.messages (client_id, at);
CREATE INDEX messages_blocked ON model_a.messages (partner_id, at) WHERE state = 'blocked';
COMMENT ON TABLE model_a.messages IS 'What became of each message, by the last that was said of it.';

CREATE TABLE model_a.changes (
    subject_id uuid NOT NULL,
    version bigint NOT NULL,
    type text NOT NULL,
    digest text NOT NULL,
    partner_id uuid NOT NULL,
    client_id uuid,
    at timestamptz NOT NULL,
    actor_id uuid,
    said json NOT NULL,
    PRIMARY KEY (subject_id, version, type, digest)
);
CREATE INDEX changes_client ON model_a.changes (client_id, at);
CREATE INDEX changes_partner ON model_a.changes (partner_id, at) WHERE client_id IS NULL;
COMMENT ON TABLE model_a.changes IS 'History: the facts that people are shown, as they were said.';
COMMENT ON COLUMN model_a.changes.digest IS 'Of what was said: two facts of one kind may come at one version.';
COMMENT ON COLUMN model_a.changes.client_id IS 'NULL where it is about the partner.';
COMMENT ON COLUMN model_a.changes.actor_id IS 'The partner''s user who did it; NULL where nobody did.';

CREATE TABLE model_a.erased (
    key uuid PRIMARY KEY
);
COMMENT ON TABLE model_a.erased IS 'Clients and partners that their owner erased: what comes late about them is forgotten too.';

CREATE TABLE model_b.partners (LIKE model_a.partners INCLUDING ALL);
CREATE TABLE model_b.clients (LIKE model_a.clients INCLUDING ALL) WITH (toast_tuple_target = 512);
ALTER TABLE model_b.clients SET (toast_tuple_target = 512);
CREATE TABLE model_b.renewals (LIKE model_a.renewals INCLUDING ALL);
CREATE TABLE model_b.stages (LIKE model_a.stages INCLUDING ALL);
CREATE TABLE model_b.messages (LIKE model_a.messages INCLUDING ALL);
CREATE TABLE model_b.changes (LIKE model_a.changes INCLUDING ALL);
CREATE TABLE model_b.erased (LIKE model_a.erased INCLUDING ALL);

-- A model that is built anew is emptied before, and measured for the planner before it serves.
GRANT TRUNCATE, MAINTAIN ON ALL TABLES IN SCHEMA model_a, model_b TO dashboard;

CREATE TABLE marks (
    partner_id uuid NOT NULL,
    slot smallint NOT NULL,
    changed bigint NOT NULL,
    PRIMARY KEY (partner_id, slot)
) WITH (fillfactor = 50);
COMMENT ON TABLE marks IS 'How often anything changed that a partner''s page shows: the sum over its slots.';
COMMENT ON COLUMN marks.slot IS 'Connections write to different ones, so that nobody waits for another.';

CREATE TABLE builds (
    revision integer PRIMARY KEY CHECK (revision > 0),
    model text NOT NULL CHECK (model IN ('model_a', 'model_b')),
    state text NOT NULL CHECK (state IN ('building', 'serving', 'retired')),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    serving_since timestamptz
);
CREATE UNIQUE INDEX builds_serving ON builds (state) WHERE state = 'serving';
CREATE UNIQUE INDEX builds_building ON builds (state) WHERE state = 'building';
COMMENT ON TABLE builds IS 'Each time that a model was made from the topics; the number is part of its consumer groups.';
INSERT INTO builds (revision, model, state, serving_since) VALUES (1, 'model_a', 'serving', clock_timestamp());
GRANT SELECT ON builds TO dashboard_tenant;

CREATE TABLE progress (
    revision integer NOT NULL,
    topic text NOT NULL,
    heard_until timestamptz NOT NULL,
    PRIMARY KEY (revision, topic)
);
COMMENT ON TABLE progress IS 'Up to when each topic was heard: what the page is "as of".';
GRANT SELECT ON progress TO dashboard_tenant;
