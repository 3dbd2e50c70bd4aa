"""Addresses that a request names, and that are therefore not to be trusted."""

import re
from typing import Final

LONGEST: Final = 2000
HOME: Final = "/"
# Printable ASCII without a backslash, which browsers read as a slash: no other host, no new line.
_OWN = re.compile(r"/(?![/.])[!-\[\]-~]*")


def own_path(wanted: str) -> str:
    """The path to go on to after the sign-in: of this site, and none of the sign-in itself."""
    if len(wanted) > LONGEST or not _OWN.fullmatch(wanted) or wanted.startswith("/session/"):
        return HOME
    return wanted
