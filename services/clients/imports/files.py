"""What each file holds, column by column."""

from services.clients.imports import kinds, rows
from services.clients.imports.kinds import company, hub, optional, record
from shared.chassis.imports import Column, Table, boolean, choice, day, money

PARTNERS = Table(
    "partners.csv",
    "The partners that take part.",
    (
        Column("Hub ID", "hub", kinds.ID, "The partner's HubSpot account.", "1001", key=True),
        Column("Partner name", "name", kinds.TEXT, "What the partner is called."),
        optional(
            "Time zone",
            "time_zone",
            kinds.TIME_ZONE,
            "The zone by which the partner's days begin; UTC where nothing is said.",
            default="UTC",
        ),
    ),
    rows.stage_partners,
    required=False,
)

USERS = Table(
    "partner_users.csv",
    "The persons of the partners.",
    (
        hub(),
        Column("User ID", "user", kinds.ID, "HubSpot's id of the user.", key=True),
        optional("First Name", "first_name", kinds.TEXT, "Given name.", default=""),
        optional("Last Name", "last_name", kinds.TEXT, "Family name.", default=""),
        Column("Email", "email", kinds.EMAIL, "Where the user is written to."),
        optional(
            "Role",
            "admin",
            choice({"admin": True, "member": False}),
            "What the user may do; member where nothing is said.",
            default=False,
        ),
        optional(
            "Status",
            "active",
            choice({"active": True, "deactivated": False}),
            "Whether the user acts for the partner; active where nothing is said.",
            default=True,
        ),
    ),
    rows.stage_users,
    required=False,
)

TEAM = Table(
    "hubspot_team.csv",
    "HubSpot's people who support the partners: for each partner named here, all of them.",
    (
        hub(),
        Column("Name", "name", kinds.TEXT, "What the person is called."),
        Column("Email", "email", kinds.EMAIL, "Where the person is written to.", key=True),
        Column("Role", "role", kinds.ROLE, "What the person is to the partner.", key=True),
        optional(
            "Description", "description", kinds.LINES, "How the person supports it.", default=""
        ),
    ),
    rows.stage_team,
    required=False,
)

_COMPANY = (
    Column("Company name", "name", kinds.TEXT, "What the company is called.", aliases=("Name",)),
    Column(
        "Company Domain Name",
        "domain",
        kinds.HOST,
        "The company's domain.",
        aliases=("Company domain name", "Domain"),
    ),
    optional("Industry", "industry", kinds.TEXT, "What it does.", default=""),
    optional("City", "city", kinds.TEXT, "Where it is.", default=""),
    optional(
        "Country/Region", "country", kinds.TEXT, "Where it is.", default="", aliases=("Country",)
    ),
    optional("Phone Number", "phone", kinds.TEXT, "Its telephone.", default=""),
    optional("Number of Employees", "employees", kinds.EMPLOYEES, "How many work there."),
    Column("Customer Hub ID", "account", kinds.ID, "The client's HubSpot account.", "200001"),
    Column("Sold", "sold", boolean(), "Whether the partner sold HubSpot to it.", "yes"),
    Column("Managed", "managed", boolean(), "Whether the partner services it.", "yes"),
    optional("Sold date", "sold_on", day(), "The day of the sale."),
)
_PEOPLE_AND_USE = (
    optional("Renewal manager name", "manager_name", kinds.TEXT, "HubSpot's person for it."),
    optional("Renewal manager email", "manager_email", kinds.EMAIL, "Where that person is."),
    optional(
        "Contact tier", "tier", kinds.TEXT, "Name of the tier, such as Starter 1,000.", default=""
    ),
    optional("Contacts limit", "contacts_limit", kinds.COUNT, "Contacts that it may have."),
    optional("Contacts used", "contacts_used", kinds.COUNT, "Contacts that it has."),
    optional(
        "Email send limit",
        "email_limit",
        kinds.COUNT,
        "Sends in a month; without it ten times the contacts limit, five times for Starter.",
    ),
    optional("Emails sent", "emails_used", kinds.COUNT, "Sends in this month."),
    optional("Apps used", "apps_used", kinds.APPS, "Of HubSpot's 17 countable apps."),
    optional("Usage period end", "period_end", day(), "Last day of the period counted."),
)
COMPANIES = Table(
    "companies.csv",
    "The clients of the partners.",
    (hub(), record("company"), *_COMPANY, *_PEOPLE_AND_USE),
    rows.stage_clients,
    required=False,
)

CONTACTS = Table(
    "contacts.csv",
    "The persons of the clients.",
    (
        hub(),
        record("contact"),
        optional("First Name", "first_name", kinds.TEXT, "Given name.", default=""),
        optional("Last Name", "last_name", kinds.TEXT, "Family name.", default=""),
        Column("Email", "email", kinds.EMAIL, "Where the person is written to."),
        optional("Job Title", "job_title", kinds.TEXT, "What the person does.", default=""),
        optional("Phone Number", "phone", kinds.TEXT, "Its telephone.", default=""),
        company(),
        optional("Roles", "roles", kinds.ROLES, "What the person decides.", default=()),
    ),
    rows.stage_contacts,
    required=False,
)

SUBSCRIPTIONS = Table(
    "subscriptions.csv",
    "The products that the clients have.",
    (
        hub(),
        record("subscription"),
        company(),
        Column("Product", "product", kinds.PRODUCT, "The product."),
        Column("MRR", "mrr", money(), "Monthly recurring revenue."),
        Column("Currency", "currency", kinds.CURRENCY, "What the MRR is in."),
        Column("Term start", "term_start", day(), "First day of the term.", "2026-01-01"),
        Column("Term end", "term_end", day(), "Last day of the term.", "2026-12-31"),
    ),
    rows.stage_subscriptions,
    required=False,
)

TABLES = (PARTNERS, USERS, TEAM, COMPANIES, CONTACTS, SUBSCRIPTIONS)
