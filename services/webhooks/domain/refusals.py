"""How a rule says no to a person."""


class Refused(Exception):  # noqa: N818 - says what the request is
    """A rule says no. HTTP answers with the status, the field and the reason."""

    def __init__(self, field: str, reason: str, value: object = None, *, status: int = 422) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason, self.value, self.status = field, reason, value, status
