"""What is asked for, and what is told: endpoints without their secrets, deliveries without data."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field

from services.webhooks import domain
from services.webhooks.domain import Endpoint
from services.webhooks.store.reading import Row
from shared.chassis.http import Command, View


def _known(name: str) -> str:
    if name not in domain.TYPES:
        raise ValueError("should be the type of an event on an events topic")
    return name


Type = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*domain.TYPES]})]
Types = Annotated[
    list[Type],
    Field(min_length=1, max_length=len(domain.TYPES), description="The types that it wants."),
]
Url = Annotated[
    str,
    Field(
        min_length=8,
        max_length=2000,
        description="Where to send: https, at a host that the operator allows.",
        examples=["https://hooks.example.com/renewals"],
    ),
]
Description = Annotated[
    str, Field(max_length=200, description="What it is, for people.", examples=["Our CRM"])
]


class NewEndpoint(Command):
    """An endpoint that a partner wants its events at."""

    url: Url
    description: Description = ""
    types: Types = Field(default=[*domain.DEFAULT_TYPES])


class EndpointOrder(Command):
    """What an endpoint should be from now on."""

    url: Url
    description: Description
    types: Types = Field(examples=[list(domain.DEFAULT_TYPES)])
    active: bool = Field(
        description="Whether it is sent anything. While it is not, it hears nothing new, and what "
        "waits for it goes on waiting.",
        examples=[True],
    )


class Redelivery(Command):
    """What is to be sent once more: what was given up, or all that was settled."""

    state: Literal["dead", "all"] = Field(
        default="dead", description="`dead`: what was given up; `all`: what was delivered, too."
    )
    since: AwareDatetime | None = Field(
        default=None,
        description="Only what happened at this instant or later; `all` asks for it.",
        examples=["2026-01-10T00:00:00Z"],
    )


class EndpointView(View):
    """An endpoint as it stands."""

    endpoint_id: UUID
    url: str
    description: str
    types: list[str]
    active: bool
    off_reason: Literal["asked", "gone"] | None = Field(
        description="`gone`: it answered 410; null while it is active."
    )
    created_at: datetime = Field(description="What happened before is not sent.")
    secret_before_until: datetime | None = Field(
        description="Until then what is sent is signed by the secret before as well."
    )
    version: int

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        """Show one."""
        return cls(**cls.fields_of(endpoint))

    @staticmethod
    def fields_of(endpoint: Endpoint) -> dict[str, Any]:
        """What is shown of one."""
        return {
            "endpoint_id": endpoint.endpoint_id,
            "url": endpoint.url,
            "description": endpoint.description,
            "types": list(endpoint.types),
            "active": endpoint.active,
            "off_reason": endpoint.off_reason,
            "created_at": endpoint.created_at,
            "secret_before_until": endpoint.secret_before_until,
            "version": endpoint.version,
        }


class EndpointWithSecret(EndpointView):
    """An endpoint with the secret that it was just given."""

    secret: str | None = Field(
        description="By which what is sent is signed. Shown this once: where the command is "
        "repeated, it is null."
    )


class DeliveryView(View):
    """An event on its way to an endpoint, or there."""

    delivery_id: UUID
    endpoint_id: UUID
    event_id: UUID = Field(description="`ce-id` and `webhook-id` of each copy.")
    type: str
    key: str = Field(description="The client that it is about, or the partner.")
    occurred_at: datetime
    state: Literal["waiting", "delivered", "dead"]
    attempts: int
    outcome: str | None = Field(description="What came of the last attempt.")
    status: int | None = Field(description="The status that was answered, if any was.")
    tried_at: datetime | None
    settled_at: datetime | None
    next_try_at: datetime | None = Field(description="Null also for what waits behind another.")

    @classmethod
    def of(cls, row: Row) -> Self:
        """Show one."""
        return cls(**{name: row[name] for name in cls.model_fields})


class Redelivered(View):
    """How much is sent once more."""

    count: int
