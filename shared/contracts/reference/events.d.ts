// Made by `make contracts` from shared/contracts; whatever is changed here is lost.
// A reader skips fields and types that it does not know, so no type here is closed.

/** A UUID, as text. */
export type Uuid = string;
/** A day, such as 2026-03-05. */
export type IsoDate = string;
/** An instant in UTC, such as 2026-01-04T14:00:00Z. */
export type IsoDateTime = string;
/** An exact decimal number, such as 1125.00. Do not count money in floating point. */
export type DecimalString = string;

/** The headers of every record: CloudEvents 1.0 in binary mode. */
export interface EventHeaders<Type extends string> {
  ce_specversion: "1.0";
  /** With ce_source the identity of the event: the same in every copy of it. */
  ce_id: Uuid;
  ce_source: string;
  ce_type: Type;
  /** The aggregate that it is about. */
  ce_subject: string;
  ce_time: IsoDateTime;
  ce_partitionkey: string;
  /** The subject's version, an integer as text. */
  ce_aggregateversion: string;
  ce_correlationid: string;
  correlation_id: string;
  ce_causationid?: string;
  traceparent?: string;
  ce_dataschema?: string;
  "content-type"?: string;
}

export namespace clients {
  /** A person of HubSpot who looks after a partner or a client. */
  export interface HubSpotPerson {
    /** The person, by the work address. */
    person_id: Uuid;
    /** Full name. */
    name: string;
    /** Work address. */
    email: string;
    /** Such as channel_account_manager, channel_consultant, renewal_manager. */
    role: string;
    /** How the person supports the partner. */
    description?: string;
  }
  /** A person of the partner. */
  export interface PartnerUser {
    /** A user of the partner. */
    user_id: Uuid;
    /** Full name. */
    name: string;
    /** Address. */
    email: string;
    /** May change the partner's settings and end services. */
    admin: boolean;
    /** False: deactivated, and told nothing. */
    active: boolean;
  }
  /** A limit and how much of it is used: contacts in a tier, or e-mail sends in a month. */
  export interface Allowance {
    /** How many the tier allows. */
    limit: number;
    /** How many are used; may exceed the limit. */
    used: number;
    /** The tier's name, such as 'Professional 10,000'. */
    tier?: string;
  }
  /** How many of HubSpot's 17 countable apps the client used in a period. */
  export interface AppUsage {
    /** Number of apps used. */
    apps_used: number;
    /** Last day of the period that was counted. */
    period_end: IsoDate;
  }
  /** The client's company information, as the partner's CRM holds it. */
  export interface Company {
    /** The company's name. */
    name: string;
    /** Its web domain; may be empty. */
    domain: string;
    /** Empty where unknown. */
    industry?: string;
    /** Empty where unknown. */
    country?: string;
    /** Empty where unknown. */
    city?: string;
    /** Empty where unknown. */
    phone?: string;
    /** Number of employees; None where unknown. */
    employees?: number | null;
  }
  /** A person of the client. */
  export interface Contact {
    /** The contact, by its CRM record. */
    contact_id: Uuid;
    /** Full name. */
    name: string;
    /** Address, as the CRM holds it. */
    email: string;
    /** Among others decision_maker, primary, billing. */
    roles?: string[];
    /** Empty where unknown. */
    job_title?: string;
    /** Empty where unknown. */
    phone?: string;
  }
  /** How the partner came to the client and what it does there: sold, managed or both. */
  export interface Relationship {
    /** The partner sold to the client. */
    sold: boolean;
    /** The partner works for the client. */
    managed: boolean;
    /** The day of the sale, where there was one. */
    sold_on?: IsoDate | null;
  }
  /** Whether the partner services the client. Each time is a period, counted from 1. */
  export interface Services {
    /** Whether the partner services the client now. */
    active: boolean;
    /** The present, or the last, period. */
    period: number;
    /** None while services go on. */
    ended_at?: IsoDateTime | null;
  }
  /** A product that a client has with HubSpot, for one term. */
  export interface Subscription {
    /** The subscription, by its CRM record. */
    subscription_id: Uuid;
    /** Its name. */
    product: string;
    /** Monthly recurring revenue, as a decimal string. */
    mrr: DecimalString;
    /** The currency of all amounts here: an ISO 4217 code. */
    currency: string;
    /** First day of the current term. */
    term_start: IsoDate;
    /** Last day of the current term. */
    term_end: IsoDate;
  }
  /** A partner with its people and its HubSpot team. */
  export interface PartnerSnapshot {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** The partner's HubSpot account (Hub ID). */
    hub_id: number;
    /** The partner's name. */
    name: string;
    /** The partner's IANA zone; every 'today' of the partner is taken in it. */
    time_zone: string;
    /** Its people, active or not. */
    users?: PartnerUser[];
    /** HubSpot's people for it. */
    team?: HubSpotPerson[];
  }
  /** A client with all that others need of it. */
  export interface ClientSnapshot {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** Record ID of the company in the partner's CRM. */
    record_id: number;
    /** HubSpot account (Hub ID) of the customer, the same for every partner. */
    account_id: number;
    /** What the CRM says of the company. */
    company: Company;
    /** How the partner came to it, and what it does. */
    relationship: Relationship;
    /** Whether the partner services it. */
    services: Services;
    /** All that it has now. */
    subscriptions?: Subscription[];
    /** None where unknown. */
    contact_tier?: Allowance | null;
    /** Sends a month; None where unknown. */
    email_tier?: Allowance | null;
    /** Of the last counted period. */
    app_usage?: AppUsage | null;
    /** Its persons. */
    contacts?: Contact[];
    /** HubSpot's person for its renewals; None where there is none. */
    renewal_manager?: HubSpotPerson | null;
  }
  /** A partner takes part. */
  export interface PartnerRegistered {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** The partner's HubSpot account (Hub ID). */
    hub_id: number;
    /** The partner's IANA zone; every 'today' of the partner is taken in it. */
    time_zone: string;
  }
  /** The partner's days begin at another instant from now on. */
  export interface PartnerTimeZoneChanged {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** The partner's IANA zone; every 'today' of the partner is taken in it. */
    time_zone: string;
  }
  /** A person may act for the partner. */
  export interface PartnerUserRegistered {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** A user of the partner. */
    user_id: Uuid;
    /** May change the partner's settings and end services. */
    admin: boolean;
  }
  /** A person no longer acts for the partner and may no longer be told anything. */
  export interface PartnerUserDeactivated {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** A user of the partner. */
    user_id: Uuid;
  }
  /** A person acts for the partner again. */
  export interface PartnerUserReactivated {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** A user of the partner. */
    user_id: Uuid;
  }
  /** Other people of HubSpot look after the partner, or in other roles. */
  export interface HubSpotTeamChanged {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** All of the team now; who, is in the state. */
    person_ids: Uuid[];
  }
  /** A client is known for the first time, with what it has at that moment. */
  export interface ClientRegistered {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** HubSpot account (Hub ID) of the customer, the same for every partner. */
    account_id: number;
    /** How the partner came to it, and what it does. */
    relationship: Relationship;
    /** Which of the times that the partner services it. */
    period: number;
    /** All that it has now. */
    subscriptions?: Subscription[];
    /** Of the last counted period. */
    app_usage?: AppUsage | null;
  }
  /** The partner sold to the client, manages it, or no longer does one of them. */
  export interface ClientRelationshipChanged {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** What the partner is to the client now. */
    relationship: Relationship;
  }
  /** Other persons of the client, other roles or other addresses. Who they are is in the state. */
  export interface ClientContactsChanged {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** All contacts of the client now. */
    contact_ids: Uuid[];
  }
  /** A subscription began, or its product, price or term changed. */
  export interface SubscriptionChanged {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** As it is now. */
    subscription: Subscription;
    /** None where it is new. */
    previous?: Subscription | null;
  }
  /** A subscription no longer exists. */
  export interface SubscriptionRemoved {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** As it was last. */
    subscription: Subscription;
  }
  /** Limits or use of contacts and e-mail sends changed. */
  export interface AllowancesRecorded {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** None where unknown. */
    contact_tier?: Allowance | null;
    /** Sends a month; None where unknown. */
    email_tier?: Allowance | null;
  }
  /** How many apps the client used in a period. */
  export interface AppUsageRecorded {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** Of the period that was counted last. */
    app_usage: AppUsage;
  }
  /**
   * The partner no longer services the client.
   *
   * From here on nobody of the partner is told about the client's contract changes.
   */
  export interface ServicesEnded {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** Which of the times that the partner serviced it. */
    period: number;
    /** When the user ended them. */
    ended_at: IsoDateTime;
    /** The partner's user who ended them. */
    ended_by: Uuid;
    /** Why, in the user's words; no personal data. */
    reason: string;
  }
  /** The partner services the client again: a new period begins. */
  export interface ServicesResumed {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** The new period. */
    period: number;
    /** When the user resumed them. */
    resumed_at: IsoDateTime;
    /** The partner's user who resumed them. */
    resumed_by: Uuid;
  }
}

export namespace renewals {
  /** What a client's page or a partner's settings say about the renewal owner. */
  export interface OwnerChoice {
    /** Who relays contract changes; 'default' follows the partner's setting. */
    owner: "default" | "hubspot" | "partner";
    /** With HubSpot as owner: the partner's user who gets a copy. */
    notified_user_id?: Uuid | null;
    /** With the partner as owner: the partner's user who is told. */
    point_of_contact_id?: Uuid | null;
  }
  /** A point before the deadline at which somebody is told. */
  export interface Stage {
    /** 'entered', 'd-45' … 'd-0', or 'outcome'. */
    name: string;
    /** None for 'entered' (the horizon); -1 for 'outcome'. */
    days_before_deadline?: number | null;
  }
  /** A choice that the client has for the new term. */
  export interface Option {
    /** The option. */
    option_id: Uuid;
    /** How it is called on the quote. */
    name: string;
    /** Monthly recurring revenue in the new term, as a decimal string. */
    renewal_mrr: DecimalString;
    /** What stands for decision. */
    products?: Product[];
  }
  /** A product that needs the decision, with what it costs now and after. */
  export interface Product {
    /** None where there is no record of it. */
    subscription_id?: Uuid | null;
    /** Its name. */
    product: string;
    /** Monthly recurring revenue now, as a decimal string. */
    current_mrr: DecimalString;
    /** Monthly recurring revenue in the new term, as a decimal string. */
    renewal_mrr: DecimalString;
  }
  /** A contract change of a client: what, when, what it costs, and where it stands. */
  export interface Renewal {
    /** Stays when the start moves. */
    renewal_id: Uuid;
    /** renewal, contact_tier_upgrade or email_overage. */
    kind: string;
    /** pending, confirmed, renewed, cancellation_requested or ended. */
    status: string;
    /** First day of the new terms. */
    renewal_start: IsoDate;
    /** Last day on which terms can be altered; still open then. */
    deadline: IsoDate;
    /** The currency of all amounts here: an ISO 4217 code. */
    currency: string;
    /** Monthly recurring revenue now, as a decimal string. */
    current_mrr: DecimalString;
    /** Monthly recurring revenue in the new term, as a decimal string. */
    renewal_mrr: DecimalString;
    /** What stands for decision. */
    products?: Product[];
    /** What the client may choose from. */
    options?: Option[];
    /** None while nothing is chosen. */
    chosen_option_id?: Uuid | null;
    /** The renewal's own version, as its events carry it; 0 is unsaid. */
    version?: number;
  }
  /** Who relays the change, at the moment this was said; asked again when a message is sent. */
  export interface EffectiveOwner {
    /** Who relays the change. */
    owner: "hubspot" | "partner";
    /** client, partner, factory or services_ended. */
    source: string;
    /** With HubSpot as owner: the partner's user who gets a copy. */
    notified_user_id?: Uuid | null;
    /** With the partner as owner: the partner's user who is told. */
    point_of_contact_id?: Uuid | null;
  }
  /** A partner's settings for renewals. */
  export interface PartnerPolicySnapshot {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** Its owner is never 'default'. */
    default_owner: OwnerChoice;
    /** Who is told where a client's point of contact no longer can be. */
    default_point_of_contact_id?: Uuid | null;
    /** Roles of the client's contacts that HubSpot writes to. */
    recipient_roles?: string[];
    /** HubSpot's renewal manager gets a message too. */
    tell_renewal_manager?: boolean;
    /** When messages go out: local time in the partner's zone, HH:MM. */
    send_hour?: string;
    /** When somebody is told, earliest first. */
    stages?: Stage[];
  }
  /** All contract changes of a client, and what is set for that client alone. */
  export interface ClientRenewalsSnapshot {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** What is chosen for this client. */
    owner: OwnerChoice;
    /** None: the partner's stages. */
    stages?: Stage[] | null;
    /** All of them, by their start. */
    renewals?: Renewal[];
    /** How often the owner was set for this client; 0: never, or unsaid. */
    owner_version?: number;
    /** How often the stages were set for this client; 0: never, or unsaid. */
    stages_version?: number;
  }
  /** A contract change is known for the first time. */
  export interface RenewalScheduled {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The contract change; stays when the start moves. */
    renewal_id: Uuid;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** renewal, contact_tier_upgrade or email_overage. */
    kind: string;
    /** First day of the new terms. */
    renewal_start: IsoDate;
    /** Last day on which terms can be altered; still open then. */
    deadline: IsoDate;
    /** The currency of all amounts here: an ISO 4217 code. */
    currency: string;
    /** Monthly recurring revenue now, as a decimal string. */
    current_mrr: DecimalString;
    /** Monthly recurring revenue in the new term, as a decimal string. */
    renewal_mrr: DecimalString;
    /** What stands for decision. */
    products?: Product[];
  }
  /** The new terms start on another day: every stage counts anew. */
  export interface RenewalMoved {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The contract change; stays when the start moves. */
    renewal_id: Uuid;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** First day of the new terms until now. */
    previous_start: IsoDate;
    /** First day of the new terms. */
    renewal_start: IsoDate;
    /** Last day on which terms can be altered; still open then. */
    deadline: IsoDate;
  }
  /** Other products, prices or options stand for decision. */
  export interface RenewalTermsChanged {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The contract change; stays when the start moves. */
    renewal_id: Uuid;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** The currency of all amounts here: an ISO 4217 code. */
    currency: string;
    /** Monthly recurring revenue now, as a decimal string. */
    current_mrr: DecimalString;
    /** Monthly recurring revenue in the new term, as a decimal string. */
    renewal_mrr: DecimalString;
    /** What stands for decision. */
    products?: Product[];
    /** What the client may choose from. */
    options?: Option[];
  }
  /**
   * A stage before the deadline (or the outcome on the day after it) is due.
   *
   * One event per renewal, renewal start and stage; its id follows from the three.
   * It is due from `due_at` until `due_until`, when the next stage takes its place.
   */
  export interface RenewalDeadlineApproaching {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The contract change; stays when the start moves. */
    renewal_id: Uuid;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** renewal, contact_tier_upgrade or email_overage. */
    kind: string;
    /** pending, confirmed, renewed, cancellation_requested or ended. */
    status: string;
    /** 'entered', 'd-45' … 'd-0', or 'outcome'. */
    stage: string;
    /** The stage's date at the partner's send hour. */
    due_at: IsoDateTime;
    /** From here on the next stage stands for it. */
    due_until: IsoDateTime;
    /** The partner's IANA zone; every 'today' of the partner is taken in it. */
    time_zone: string;
    /** First day of the new terms. */
    renewal_start: IsoDate;
    /** Last day on which terms can be altered; still open then. */
    deadline: IsoDate;
    /** Calendar days from today to the renewal start. */
    days_to_renewal: number;
    /** Calendar days from today; 0 on the day itself. */
    days_to_deadline: number;
    /** Stages that this one overtook; they are not sent any more. */
    superseded?: string[];
    /** The currency of all amounts here: an ISO 4217 code. */
    currency: string;
    /** Monthly recurring revenue now, as a decimal string. */
    current_mrr: DecimalString;
    /** Monthly recurring revenue in the new term, as a decimal string. */
    renewal_mrr: DecimalString;
    /** What stands for decision. */
    products?: Product[];
    /** Who relays the change, by the policy of that time. */
    owner: EffectiveOwner;
    /** Version of the client's snapshot that this was decided on. */
    client_version?: number;
    /** The same for the partner's snapshot. */
    partner_version?: number;
    /** The same for the client's renewals snapshot. */
    renewals_version?: number;
    /** The same for the partner's policy snapshot. */
    policy_version?: number;
  }
  /** A person decided: renewed, confirmed or cancellation_requested. */
  export interface RenewalDecided {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The contract change; stays when the start moves. */
    renewal_id: Uuid;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** renewed, confirmed or cancellation_requested. */
    status: string;
    /** First day of the new terms. */
    renewal_start: IsoDate;
    /** The partner's user who decided. */
    decided_by: Uuid;
    /** The option that was chosen, if any. */
    option_id?: Uuid | null;
    /** Why, in the user's words; no personal data. */
    reason?: string;
  }
  /** Nobody decided until the deadline: it renews by itself on its present terms. */
  export interface RenewalSettled {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The contract change; stays when the start moves. */
    renewal_id: Uuid;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** renewed. */
    status: string;
    /** First day of the new terms. */
    renewal_start: IsoDate;
    /** The day after the deadline, in the partner's zone. */
    settled_on: IsoDate;
  }
  /** Nothing for the partner to decide any more: it no longer services the client. */
  export interface RenewalEnded {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The contract change; stays when the start moves. */
    renewal_id: Uuid;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** The period of services that ended. */
    period: number;
    /** First day of the new terms. */
    renewal_start: IsoDate;
  }
  /** The partner services the client again in time to decide. */
  export interface RenewalReopened {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The contract change; stays when the start moves. */
    renewal_id: Uuid;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** The period of services that began. */
    period: number;
    /** First day of the new terms. */
    renewal_start: IsoDate;
  }
  /** There is nothing left to decide: its subscriptions are gone or renew on another day. */
  export interface RenewalWithdrawn {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The contract change; stays when the start moves. */
    renewal_id: Uuid;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** First day of the new terms. */
    renewal_start: IsoDate;
  }
  /** Another party relays the changes of this client, or another person of it. */
  export interface RenewalOwnerChanged {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** What is chosen from now on. */
    owner: OwnerChoice;
    /** What was chosen until now. */
    previous: OwnerChoice;
    /** None where an import said so. */
    changed_by?: Uuid | null;
  }
  /** The partner's default moved: with it every client that inherits it. */
  export interface DefaultRenewalOwnerChanged {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** What is chosen from now on. */
    owner: OwnerChoice;
    /** What was chosen until now. */
    previous: OwnerChoice;
    /** None where an import said so. */
    changed_by?: Uuid | null;
  }
  /** The partner is told at other stages, or at another hour. */
  export interface StagesChanged {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** When somebody is told, earliest first. */
    stages: Stage[];
    /** When messages go out: local time in the partner's zone, HH:MM. */
    send_hour: string;
    /** None where an import said so. */
    changed_by?: Uuid | null;
  }
}

export namespace notifications {
  /** The mail relay accepted the message. */
  export interface ReminderSent {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The message: one stage for one recipient. */
    message_id: Uuid;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** None for a message about ended services. */
    renewal_id?: Uuid | null;
    /** First day of the new terms. */
    renewal_start?: IsoDate | null;
    /** renewal, contact_tier_upgrade, email_overage or services_ended. */
    kind: string;
    /** The renewal's stage, or 'services_ended'. */
    stage: string;
    /** client, partner or hubspot. */
    audience: string;
    /** Contact, partner user or HubSpot person, by the audience. */
    recipient_id?: Uuid | null;
    /** The partner's user in Cc, if any. */
    copied_user_id?: Uuid | null;
    /** The rule of the owner policy that named the recipient. */
    rule?: string;
    /** When the relay said yes. */
    accepted_at: IsoDateTime;
    /** How often it was handed over. */
    attempts?: number;
  }
  /** Nobody valid could be told. It is sent once somebody can, until the deadline. */
  export interface ReminderBlocked {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The message: one stage for one recipient. */
    message_id: Uuid;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** None for a message about ended services. */
    renewal_id?: Uuid | null;
    /** First day of the new terms. */
    renewal_start?: IsoDate | null;
    /** renewal, contact_tier_upgrade, email_overage or services_ended. */
    kind: string;
    /** The renewal's stage, or 'services_ended'. */
    stage: string;
    /** client, partner or hubspot. */
    audience: string;
    /** Contact, partner user or HubSpot person, by the audience. */
    recipient_id?: Uuid | null;
    /** The partner's user in Cc, if any. */
    copied_user_id?: Uuid | null;
    /** The rule of the owner policy that named the recipient. */
    rule?: string;
    /** Why, in words for people; no addresses. */
    reason: string;
  }
  /** It was no longer right to send it: decided, moved, ended, or overtaken. */
  export interface ReminderDropped {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The message: one stage for one recipient. */
    message_id: Uuid;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** None for a message about ended services. */
    renewal_id?: Uuid | null;
    /** First day of the new terms. */
    renewal_start?: IsoDate | null;
    /** renewal, contact_tier_upgrade, email_overage or services_ended. */
    kind: string;
    /** The renewal's stage, or 'services_ended'. */
    stage: string;
    /** client, partner or hubspot. */
    audience: string;
    /** Contact, partner user or HubSpot person, by the audience. */
    recipient_id?: Uuid | null;
    /** The partner's user in Cc, if any. */
    copied_user_id?: Uuid | null;
    /** The rule of the owner policy that named the recipient. */
    rule?: string;
    /** Why, in words for people; no addresses. */
    reason: string;
    /** A later stage took its place. */
    superseded?: boolean;
  }
  /** The mail relay refused it for good, or all attempts are used up. */
  export interface ReminderFailed {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The message: one stage for one recipient. */
    message_id: Uuid;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** None for a message about ended services. */
    renewal_id?: Uuid | null;
    /** First day of the new terms. */
    renewal_start?: IsoDate | null;
    /** renewal, contact_tier_upgrade, email_overage or services_ended. */
    kind: string;
    /** The renewal's stage, or 'services_ended'. */
    stage: string;
    /** client, partner or hubspot. */
    audience: string;
    /** Contact, partner user or HubSpot person, by the audience. */
    recipient_id?: Uuid | null;
    /** The partner's user in Cc, if any. */
    copied_user_id?: Uuid | null;
    /** The rule of the owner policy that named the recipient. */
    rule?: string;
    /** Why, in words for people; no addresses. */
    reason: string;
    /** How often it was handed over. */
    attempts?: number;
  }
  /** It was handed over and the answer never came: accepted or not, nobody can tell. */
  export interface ReminderInDoubt {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The message: one stage for one recipient. */
    message_id: Uuid;
    /** The client: one partner's record of a customer. */
    client_id: Uuid;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** None for a message about ended services. */
    renewal_id?: Uuid | null;
    /** First day of the new terms. */
    renewal_start?: IsoDate | null;
    /** renewal, contact_tier_upgrade, email_overage or services_ended. */
    kind: string;
    /** The renewal's stage, or 'services_ended'. */
    stage: string;
    /** client, partner or hubspot. */
    audience: string;
    /** Contact, partner user or HubSpot person, by the audience. */
    recipient_id?: Uuid | null;
    /** The partner's user in Cc, if any. */
    copied_user_id?: Uuid | null;
    /** The rule of the owner policy that named the recipient. */
    rule?: string;
    /** How often it was handed over. */
    attempts?: number;
  }
}

export namespace tiers {
  /** A partner's figures and the tier that they would give today. */
  export interface Performance {
    /** None: no tier. */
    tier?: string | null;
    /** MRR of the customers sold in the past 12 months. */
    sold_mrr: DecimalString;
    /** MRR of serviced clients, split among partners. */
    managed_mrr: DecimalString;
    /** The currency of all amounts here: an ISO 4217 code. */
    currency: string;
    /** None: no account contributes. */
    median_app_usage?: DecimalString | null;
    /** Whether the partner's certification runs. */
    certified: boolean;
    /** The rules that were applied. */
    rule_set: string;
  }
  /** The figures, or the tier that they would give, changed. */
  export interface TierPerformanceChanged {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** The figures now. */
    performance: Performance;
    /** What the figures gave before. */
    previous_tier?: string | null;
  }
  /** A review set the tier that the partner holds. */
  export interface TierCredited {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** The tier held from now on. None: no tier. */
    tier?: string | null;
    /** The tier held before. None: no tier. */
    previous_tier?: string | null;
    /** The day of the review. */
    review_on: IsoDate;
    /** The rules that were applied. */
    rule_set: string;
  }
  /** The partner was certified, or its certification runs until another day. */
  export interface CertificationRecorded {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** First day; None where unknown. */
    certified_on?: IsoDate | null;
    /** Last day; None: runs without end. */
    expires_on?: IsoDate | null;
  }
  /** Where a partner stands. */
  export interface PartnerTierSnapshot {
    /** The subject's version after this change; grows by one with each change. */
    version: number;
    /** When it happened, by the owner's clock, in UTC. */
    occurred_at: IsoDateTime;
    /** The partner, known by its HubSpot account. */
    partner_id: Uuid;
    /** The tier that it holds. None: no tier. */
    credited_tier?: string | null;
    /** None: never credited. */
    credited_since?: IsoDate | null;
    /** When the credited tier may change. */
    next_review_on?: IsoDate | null;
    /** Last day of its certification. */
    certified_until?: IsoDate | null;
    /** The figures now. */
    performance: Performance;
  }
}

/** The value of each type. */
export interface Events {
  "clients.PartnerSnapshot.v1": clients.PartnerSnapshot;
  "clients.ClientSnapshot.v1": clients.ClientSnapshot;
  "clients.PartnerRegistered.v1": clients.PartnerRegistered;
  "clients.PartnerTimeZoneChanged.v1": clients.PartnerTimeZoneChanged;
  "clients.PartnerUserRegistered.v1": clients.PartnerUserRegistered;
  "clients.PartnerUserDeactivated.v1": clients.PartnerUserDeactivated;
  "clients.PartnerUserReactivated.v1": clients.PartnerUserReactivated;
  "clients.HubSpotTeamChanged.v1": clients.HubSpotTeamChanged;
  "clients.ClientRegistered.v1": clients.ClientRegistered;
  "clients.ClientRelationshipChanged.v1": clients.ClientRelationshipChanged;
  "clients.ClientContactsChanged.v1": clients.ClientContactsChanged;
  "clients.SubscriptionChanged.v1": clients.SubscriptionChanged;
  "clients.SubscriptionRemoved.v1": clients.SubscriptionRemoved;
  "clients.AllowancesRecorded.v1": clients.AllowancesRecorded;
  "clients.AppUsageRecorded.v1": clients.AppUsageRecorded;
  "clients.ServicesEnded.v1": clients.ServicesEnded;
  "clients.ServicesResumed.v1": clients.ServicesResumed;
  "renewals.PartnerPolicySnapshot.v1": renewals.PartnerPolicySnapshot;
  "renewals.ClientRenewalsSnapshot.v1": renewals.ClientRenewalsSnapshot;
  "renewals.RenewalScheduled.v1": renewals.RenewalScheduled;
  "renewals.RenewalMoved.v1": renewals.RenewalMoved;
  "renewals.RenewalTermsChanged.v1": renewals.RenewalTermsChanged;
  "renewals.RenewalDeadlineApproaching.v1": renewals.RenewalDeadlineApproaching;
  "renewals.RenewalDecided.v1": renewals.RenewalDecided;
  "renewals.RenewalSettled.v1": renewals.RenewalSettled;
  "renewals.RenewalEnded.v1": renewals.RenewalEnded;
  "renewals.RenewalReopened.v1": renewals.RenewalReopened;
  "renewals.RenewalWithdrawn.v1": renewals.RenewalWithdrawn;
  "renewals.RenewalOwnerChanged.v1": renewals.RenewalOwnerChanged;
  "renewals.DefaultRenewalOwnerChanged.v1": renewals.DefaultRenewalOwnerChanged;
  "renewals.StagesChanged.v1": renewals.StagesChanged;
  "notifications.ReminderSent.v1": notifications.ReminderSent;
  "notifications.ReminderBlocked.v1": notifications.ReminderBlocked;
  "notifications.ReminderDropped.v1": notifications.ReminderDropped;
  "notifications.ReminderFailed.v1": notifications.ReminderFailed;
  "notifications.ReminderInDoubt.v1": notifications.ReminderInDoubt;
  "tiers.TierPerformanceChanged.v1": tiers.TierPerformanceChanged;
  "tiers.TierCredited.v1": tiers.TierCredited;
  "tiers.CertificationRecorded.v1": tiers.CertificationRecorded;
  "tiers.PartnerTierSnapshot.v1": tiers.PartnerTierSnapshot;
}
export type EventType = keyof Events;

/** The topic of each type. */
export interface TopicOf {
  "clients.PartnerSnapshot.v1": "clients.state.v1";
  "clients.ClientSnapshot.v1": "clients.state.v1";
  "clients.PartnerRegistered.v1": "clients.events.v1";
  "clients.PartnerTimeZoneChanged.v1": "clients.events.v1";
  "clients.PartnerUserRegistered.v1": "clients.events.v1";
  "clients.PartnerUserDeactivated.v1": "clients.events.v1";
  "clients.PartnerUserReactivated.v1": "clients.events.v1";
  "clients.HubSpotTeamChanged.v1": "clients.events.v1";
  "clients.ClientRegistered.v1": "clients.events.v1";
  "clients.ClientRelationshipChanged.v1": "clients.events.v1";
  "clients.ClientContactsChanged.v1": "clients.events.v1";
  "clients.SubscriptionChanged.v1": "clients.events.v1";
  "clients.SubscriptionRemoved.v1": "clients.events.v1";
  "clients.AllowancesRecorded.v1": "clients.events.v1";
  "clients.AppUsageRecorded.v1": "clients.events.v1";
  "clients.ServicesEnded.v1": "clients.events.v1";
  "clients.ServicesResumed.v1": "clients.events.v1";
  "renewals.PartnerPolicySnapshot.v1": "renewals.state.v1";
  "renewals.ClientRenewalsSnapshot.v1": "renewals.state.v1";
  "renewals.RenewalScheduled.v1": "renewals.events.v1";
  "renewals.RenewalMoved.v1": "renewals.events.v1";
  "renewals.RenewalTermsChanged.v1": "renewals.events.v1";
  "renewals.RenewalDeadlineApproaching.v1": "renewals.events.v1";
  "renewals.RenewalDecided.v1": "renewals.events.v1";
  "renewals.RenewalSettled.v1": "renewals.events.v1";
  "renewals.RenewalEnded.v1": "renewals.events.v1";
  "renewals.RenewalReopened.v1": "renewals.events.v1";
  "renewals.RenewalWithdrawn.v1": "renewals.events.v1";
  "renewals.RenewalOwnerChanged.v1": "renewals.events.v1";
  "renewals.DefaultRenewalOwnerChanged.v1": "renewals.events.v1";
  "renewals.StagesChanged.v1": "renewals.events.v1";
  "notifications.ReminderSent.v1": "notifications.events.v1";
  "notifications.ReminderBlocked.v1": "notifications.events.v1";
  "notifications.ReminderDropped.v1": "notifications.events.v1";
  "notifications.ReminderFailed.v1": "notifications.events.v1";
  "notifications.ReminderInDoubt.v1": "notifications.events.v1";
  "tiers.TierPerformanceChanged.v1": "tiers.events.v1";
  "tiers.TierCredited.v1": "tiers.events.v1";
  "tiers.CertificationRecorded.v1": "tiers.events.v1";
  "tiers.PartnerTierSnapshot.v1": "tiers.state.v1";
}

export type ErasureType = "clients.Erased.v1" | "renewals.Erased.v1" | "tiers.Erased.v1";

/** A record whose headers and value were decoded; told apart by headers.ce_type. */
export type EventRecord<Type extends EventType = EventType> = {
  [Each in Type]: {
    topic: TopicOf[Each];
    key: string;
    headers: EventHeaders<Each>;
    value: Events[Each];
  };
}[Type];

/** The end of a key of a state topic: forget all that was said about it. */
export interface Erasure {
  topic: string;
  key: string;
  headers: EventHeaders<ErasureType>;
  value: null;
}
