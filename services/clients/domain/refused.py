"""What a person is told when a rule says no."""

from typing import Literal


class Refused(Exception):  # noqa: N818 - says what happened to the person's wish
    """A rule says no to a person: which field, and what would be right.

    ``status`` is 409 where the same wish may be right later, 422 where it never is.
    """

    def __init__(
        self, field: str, reason: str, value: object = None, *, status: Literal[409, 422] = 422
    ) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason, self.value, self.status = field, reason, value, status
