"""What callers may ask for: closed models, whose values are checked as those of an import are."""

from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field

from services.clients.domain import values
from shared.chassis.http import Command
from shared.contracts.event import Money

_LINE = r"[^\x00-\x1f\x7f-\x9f]*"
_SEEN = r"[^\s\x00-\x1f\x7f-\x9f]"

Line = Annotated[
    str, Field(pattern=f"^{_LINE}$", max_length=values.LONGEST_TEXT), AfterValidator(values.text)
]
Name = Annotated[
    str,
    Field(pattern=rf"^{_LINE}{_SEEN}{_LINE}$", min_length=1, max_length=values.LONGEST_TEXT),
    AfterValidator(values.some_text),
]
Email = Annotated[
    str,
    Field(
        pattern=values.EMAIL,
        max_length=values.LONGEST_EMAIL,
        description="One address, in ASCII, without a name.",
        examples=["ana@example.com"],
    ),
    AfterValidator(values.email),
]
Role = Annotated[str, Field(pattern=values.ROLE, examples=["decision_maker"])]
RecordId = Annotated[
    int,
    Field(ge=1, le=values.BIGGEST_ID, description="Record ID in the partner's CRM.", examples=[7]),
]
Count = Annotated[int, Field(ge=0, le=values.BIGGEST_ID)]
Day = Annotated[date, Field(ge=values.FIRST_DAY, le=values.LAST_DAY, examples=["2026-12-31"])]
IsoCurrency = Annotated[
    str,
    Field(
        pattern="^[A-Z]{3}$",
        description="The ISO 4217 code of a currency in use.",
        examples=["USD"],
        json_schema_extra={"enum": sorted(values.CURRENCIES)},
    ),
    AfterValidator(values.currency),
]


def _example(**body: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [body]})


_CONTACT: Final = {
    "name": "Ana Ruiz",
    "email": "ana@example.com",
    "roles": ["decision_maker", "primary"],
    "job_title": "Head of Marketing",
    "phone": "+34 555 0100",
}
_SUBSCRIPTION: Final = {
    "product": "Marketing Hub Professional",
    "mrr": "890.00",
    "currency": "USD",
    "term_start": "2026-01-01",
    "term_end": "2026-12-31",
}


class TimeZoneOrder(Command):
    """By which zone the partner's days begin."""

    model_config = _example(time_zone="Europe/Berlin")

    time_zone: Annotated[
        str,
        Field(max_length=64, description="An IANA name.", examples=["Europe/Berlin"]),
        AfterValidator(values.time_zone),
    ]


class ContactOrder(Command):
    """A person of the client."""

    model_config = _example(**_CONTACT)

    name: Name = Field(examples=["Ana Ruiz"])
    email: Email
    roles: Annotated[
        list[Role],
        Field(
            max_length=20,
            description="Among others decision_maker, primary, billing.",
            examples=[["decision_maker"]],
        ),
    ] = Field(default_factory=list)
    job_title: Line = Field("", examples=["Head of Marketing"])
    phone: Line = Field("", examples=["+34 555 0100"])


class NewContactOrder(ContactOrder):
    """A person of the client that is not known yet."""

    model_config = _example(**_CONTACT, record_id=7)

    record_id: RecordId


class SubscriptionOrder(Command):
    """A product that the client has, for its present term."""

    model_config = _example(**_SUBSCRIPTION)

    product: Name = Field(
        max_length=values.LONGEST_PRODUCT, examples=["Marketing Hub Professional"]
    )
    mrr: Money = Field(examples=["890.00"])
    currency: IsoCurrency
    term_start: Day = Field(description="First day of the term.", examples=["2026-01-01"])
    term_end: Day = Field(description="Last day of the term, not before the first.")


class NewSubscriptionOrder(SubscriptionOrder):
    """A product that is not known yet of the client."""

    model_config = _example(**_SUBSCRIPTION, record_id=7)

    record_id: RecordId


class RelationshipOrder(Command):
    """How the partner came to the client and what it does there; at least one of both."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"sold": True, "managed": True, "sold_on": "2025-06-01"}],
            "anyOf": [
                {"properties": {"sold": {"const": True}}},
                {"properties": {"managed": {"const": True}}},
            ],
        }
    )

    sold: bool = Field(examples=[True])
    managed: bool = Field(examples=[True])
    sold_on: Day | None = Field(
        None, description="The day of the sale, not in the future.", examples=["2025-06-01"]
    )


class ContactTierOrder(Command):
    """The contacts limit and its use."""

    limit: Count = Field(examples=[10000])
    used: Count = Field(examples=[8600])
    tier: Line = Field("", examples=["Professional 10,000"])


class EmailUseOrder(Command):
    """E-mail sends in the month."""

    limit: Count | None = Field(
        None,
        description="null: ten times the contacts limit, five times for Starter.",
        examples=[None],
    )
    used: Count = Field(examples=[23000])


class AllowancesOrder(Command):
    """Limits and use of contacts and of e-mail sends; null where the client has none."""

    model_config = _example(
        contact_tier={"limit": 10000, "used": 8600, "tier": "Professional 10,000"},
        email_use={"limit": None, "used": 23000},
    )

    contact_tier: ContactTierOrder | None
    email_use: EmailUseOrder | None


class AppUsageOrder(Command):
    """How many of HubSpot's 17 countable apps the client used."""

    model_config = _example(apps_used=5, period_end="2025-12-31")

    apps_used: int = Field(ge=0, le=values.MOST_APPS, examples=[5])
    period_end: Day = Field(
        description="Last day of the period that was counted, not before the known one.",
        examples=["2025-12-31"],
    )


class EndServicesOrder(Command):
    """That the partner no longer services the client."""

    model_config = _example(reason="The client has hired a team of its own.", confirm=True)

    reason: Annotated[
        str,
        Field(
            pattern=r"\S",
            min_length=1,
            max_length=2000,
            description="Why, for HubSpot's people.",
            examples=["The client has hired a team of its own."],
        ),
        AfterValidator(values.lines),
    ]
    confirm: Literal[True] = Field(
        description="That the caller has been told what follows: nobody of the partner hears of "
        "the client's contract changes any more."
    )
