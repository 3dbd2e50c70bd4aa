"""How a rule says no to a person."""

from typing import NoReturn


class Refused(Exception):  # noqa: N818 - says what the request is
    """A rule says no. HTTP answers with the status, the field and the reason."""

    def __init__(self, field: str, reason: str, *, status: int = 422) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason, self.status = field, reason, status


def refuse_resend(state: str) -> NoReturn:
    """Say why a message is not sent again."""
    if state == "unknown":
        raise Refused("message_id", "it is too late to send it again", status=409)
    raise Refused(
        "message_id",
        f"only a message in doubt (unknown) can be sent again; this one is {state}",
        status=409,
    )
