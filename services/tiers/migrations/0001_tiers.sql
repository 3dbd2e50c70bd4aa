-- What tiers are made of: a reduced replica of clients, their credits, the figures, the rules.

CREATE TABLE rule_sets (
    name text PRIMARY KEY,
    in_force_from date UNIQUE,
    document jsonb NOT NULL
);
COMMENT ON TABLE rule_sets IS 'Thresholds, gates and review days, as dated data.';
COMMENT ON COLUMN rule_sets.in_force_from IS 'NULL: kept for comparison, not in force.';
COMMENT ON COLUMN rule_sets.document IS 'The whole rule set, as the command rule-set reads it.';
GRANT SELECT ON rule_sets TO tiers_tenant;

CREATE TABLE currency_rates (
    source text NOT NULL CHECK (source ~ '^[A-Z]{3}$'),
    into_currency text NOT NULL CHECK (into_currency ~ '^[A-Z]{3}$'),
    day date NOT NULL,
    rate numeric(18, 8) NOT NULL CHECK (rate > 0),
    PRIMARY KEY (source, into_currency, day),
    CHECK (source <> into_currency)
);
COMMENT ON TABLE currency_rates IS 'What one unit of a currency is worth in another, from a day on.';
GRANT SELECT ON currency_rates TO tiers_tenant;

CREATE TABLE partners (
    partner_id uuid PRIMARY KEY,
    hub_id bigint,
    time_zone text NOT NULL DEFAULT 'UTC',
    known_version bigint NOT NULL DEFAULT 0,
    erased boolean NOT NULL DEFAULT false,
    day date NOT NULL,
    reviewed_until date,
    usage integer[] NOT NULL DEFAULT array_fill(0, ARRAY[19]) CHECK (cardinality(usage) = 19),
    credited_tier text,
    credited_since date,
    next_review_on date,
    certified_until date,
    performance jsonb,
    version bigint NOT NULL DEFAULT 0,
    heard_at timestamptz
);
CREATE INDEX partners_day ON partners (time_zone, day) WHERE known_version > 0 AND NOT erased;
CREATE INDEX partners_hub ON partners (hub_id);
COMMENT ON COLUMN partners.known_version IS 'Version of the partner''s snapshot; 0 until one came.';
COMMENT ON COLUMN partners.day IS 'The day, in the partner''s zone, of which the figures are.';
COMMENT ON COLUMN partners.heard_at IS 'When that happened which changed the standing last.';
COMMENT ON COLUMN partners.usage IS 'Contributing accounts by apps used, 0 to 17; last: not recorded.';

CREATE TABLE sums (
    partner_id uuid NOT NULL,
    currency text NOT NULL,
    country text NOT NULL,
    sold numeric(20, 2) NOT NULL,
    managed numeric(20, 2) NOT NULL,
    PRIMARY KEY (partner_id, currency, country)
);
COMMENT ON TABLE sums IS 'What a partner''s credits add up to, kept in step by differences.';

CREATE TABLE clients (
    client_id uuid PRIMARY KEY,
    partner_id uuid NOT NULL,
    account_id bigint,
    record_id bigint,
    name text NOT NULL DEFAULT '',
    domain text NOT NULL DEFAULT '',
    country text NOT NULL DEFAULT '',
    sold boolean NOT NULL DEFAULT false,
    sold_on date,
    sold_until date,
    managed boolean NOT NULL DEFAULT false,
    serviced boolean NOT NULL DEFAULT false,
    period integer NOT NULL DEFAULT 0,
    mrr jsonb NOT NULL DEFAULT '{}',
    apps_used smallint CHECK (apps_used BETWEEN 0 AND 17),
    used_until date,
    version bigint NOT NULL DEFAULT 0,
    services_version bigint NOT NULL DEFAULT 0,
    erased boolean NOT NULL DEFAULT false
);
CREATE INDEX clients_account ON clients (account_id);
CREATE INDEX clients_partner ON clients (partner_id, account_id);
CREATE INDEX clients_sold_on ON clients (partner_id, sold_on) WHERE sold;
CREATE INDEX clients_sold_until ON clients (partner_id, sold_until) WHERE sold;
COMMENT ON COLUMN clients.mrr IS 'Monthly recurring revenue by currency, amounts as strings.';
COMMENT ON COLUMN clients.sold_until IS 'First day on which the sale gives no credit any more.';

CREATE TABLE accounts (account_id bigint PRIMARY KEY);
COMMENT ON TABLE accounts IS 'A row to lock: who services an account changes under it alone.';

CREATE TABLE credits (
    client_id uuid NOT NULL,
    currency text NOT NULL,
    partner_id uuid NOT NULL,
    account_id bigint NOT NULL,
    country text NOT NULL,
    mrr numeric(20, 2) NOT NULL,
    sold numeric(20, 2) NOT NULL,
    managed numeric(20, 2) NOT NULL,
    partners integer NOT NULL,
    PRIMARY KEY (client_id, currency)
);
CREATE INDEX credits_account ON credits (account_id);
CREATE INDEX credits_partner ON credits (partner_id, account_id);
CREATE INDEX credits_sold ON credits (partner_id, client_id, currency) WHERE sold > 0;
CREATE INDEX credits_managed ON credits (partner_id, client_id, currency) WHERE managed > 0;
COMMENT ON COLUMN credits.managed IS 'The partner''s share of mrr among those who service the account.';
COMMENT ON COLUMN credits.partners IS 'Among how many it was split; 0: not serviced by this one.';

CREATE TABLE contributions (
    partner_id uuid NOT NULL,
    account_id bigint NOT NULL,
    apps_used smallint CHECK (apps_used BETWEEN 0 AND 17),
    PRIMARY KEY (partner_id, account_id)
);
CREATE INDEX contributions_account ON contributions (account_id);
COMMENT ON TABLE contributions IS 'Accounts that the median is taken over; NULL: no use recorded.';

CREATE TABLE certifications (
    partner_id uuid NOT NULL,
    certified_on date NOT NULL,
    expires_on date CHECK (expires_on >= certified_on),
    PRIMARY KEY (partner_id, certified_on)
);
COMMENT ON COLUMN certifications.expires_on IS 'The last day on which it holds; NULL: no end.';

CREATE TABLE credited_tiers (
    partner_id uuid NOT NULL,
    since date NOT NULL,
    tier text,
    source text NOT NULL CHECK (source IN ('review', 'import')),
    PRIMARY KEY (partner_id, since)
);
COMMENT ON TABLE credited_tiers IS 'The tier held from a day on; NULL: none.';

CREATE TABLE reviews (
    partner_id uuid NOT NULL,
    review_on date NOT NULL,
    tier text,
    previous_tier text,
    performance jsonb NOT NULL,
    note text NOT NULL DEFAULT '',
    reviewed_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, review_on)
);

CREATE TABLE performance_days (
    partner_id uuid NOT NULL,
    day date NOT NULL,
    performance jsonb NOT NULL,
    PRIMARY KEY (partner_id, day)
);
COMMENT ON TABLE performance_days IS 'Performance as it last was on each day on which it changed.';
