"""What the tiers service decides: credits, figures, tiers, reviews."""


class Refused(Exception):  # noqa: N818 - what a person is told
    """A rule says no. ``field`` names what is wrong, ``reason`` what would be right."""

    def __init__(self, field: str, reason: str, status: int = 422) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason, self.status = field, reason, status
