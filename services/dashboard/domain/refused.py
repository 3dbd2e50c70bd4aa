"""What a person is told when the page itself says no."""


class Refused(Exception):  # noqa: N818 - says what happened to the person's wish
    """A wish that is declined: which field, and what would be right."""

    def __init__(self, field: str, reason: str, value: object = None) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason, self.value = field, reason, value
