"""What every event has, and the law by which contracts grow."""

from decimal import Decimal
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

Money = Annotated[
    Decimal,
    Field(ge=0, max_digits=14, decimal_places=2),
    PlainSerializer(lambda amount: f"{amount:.2f}", return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9]{1,12}\.[0-9]{2}$",
            "description": "An amount, as a decimal string with two places.",
            "examples": ["1125.00"],
        },
        mode="serialization",
    ),
]
Currency = Annotated[
    str,
    Field(
        pattern=r"^[A-Z]{3}$",
        description="The currency of all amounts here: an ISO 4217 code.",
        examples=["USD"],
    ),
]
TimeZone = Annotated[
    str,
    Field(
        description="The partner's IANA zone; every 'today' of the partner is taken in it.",
        examples=["America/New_York"],
    ),
]
PartnerId = Annotated[UUID, Field(description="The partner, known by its HubSpot account.")]
ClientId = Annotated[UUID, Field(description="The client: one partner's record of a customer.")]
UserId = Annotated[UUID, Field(description="A user of the partner.")]


class Data(BaseModel):
    """A part of an event. Frozen; readers skip what they do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Data):
    """A fact that one service publishes and any other may act on.

    A contract only grows: a field is added with a default, never renamed or removed.
    What cannot be said that way is a new class with the next number in its ``TYPE``,
    published beside the old one. Readers skip fields and types that they do not know,
    so services deploy in any order. An enumeration that may grow is a plain string.
    """

    TOPIC: ClassVar[str]
    TYPE: ClassVar[str]
    KEY: ClassVar[str] = "client_id"
    SUBJECT: ClassVar[str] = "client_id"

    version: int = Field(
        ge=1,
        description="The subject's version after this change; grows by one with each change.",
    )
    occurred_at: AwareDatetime = Field(
        description="When it happened, by the owner's clock, in UTC.",
    )

    @property
    def key(self) -> str:
        """What decides the order: events with the same key keep theirs within a topic."""
        return str(getattr(self, self.KEY))

    @property
    def subject(self) -> str:
        """The aggregate that the event is about, whose ``version`` it carries."""
        return str(getattr(self, self.SUBJECT))

    def event_id(self) -> UUID | None:
        """An id that follows from the content, or None where each occurrence is its own."""
        return None


class Snapshot(Event):
    """The whole truth about its key at one version; the last one of a key replaces all before."""


class Tombstone(Data):
    """The end of a key on a state topic: what was said about it is erased."""

    topic: str = Field(description="The state topic.")
    key: str = Field(description="The key that ends.")
    owner: str = Field(description="The service that owns the topic.")
    occurred_at: AwareDatetime = Field(description="When it was erased, by the owner's clock.")
    version: int = Field(ge=1, description="Greater than that of every snapshot of the key.")
