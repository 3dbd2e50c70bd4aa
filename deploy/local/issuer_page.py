"""The issuer's pages: who there is to be, and what it says where something is wrong."""

import html
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Protocol
from uuid import UUID

from fastapi.responses import HTMLResponse, Response

ROLES = {
    "admin": "Partner admin: may do everything",
    "member": "Partner member: no settings, no end of services",
    "staff": "HubSpot staff: reads only",
}
HUBSPOT = "HubSpot"  # in the place of a partner: staff who may choose among partners
CSP = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem;
  background: light-dark(#fbfaf9, #17181a); color: light-dark(#22262b, #e9e7e4); }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
p { margin: 0 0 1.5rem; color: light-dark(#4d545c, #b4b0aa); }
table { width: 100%; border-collapse: collapse; margin: 0 0 1.75rem; }
caption { text-align: left; font-weight: 600; padding: .4rem 0; }
th, td { padding: .35rem .75rem .35rem 0; text-align: left; vertical-align: baseline;
  border-top: 1px solid light-dark(#dcd8d3, #3a3d41); font-weight: 400; }
th[scope=row] { width: 32%; font-weight: 500; }
td:last-child { text-align: right; padding-right: 0; white-space: nowrap; }
a { display: inline-block; min-height: 1.5rem; padding: .15rem .75rem; border-radius: .4rem;
  background: light-dark(#1f5fa8, #9cc4f5); color: light-dark(#fff, #10161d);
  text-decoration: none; }
a:focus-visible { outline: 3px solid light-dark(#0b3a70, #fff); outline-offset: 2px; }
.aside { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (max-width: 30rem) { td, th { display: block; border: 0; padding: .1rem 0; }
  tr { display: block; padding: .6rem 0; border-top: 1px solid light-dark(#dcd8d3, #3a3d41); }
  th[scope=row] { width: auto; } td:last-child { text-align: left; } }
"""


class Shown(Protocol):
    """Somebody to be."""

    @property
    def id(self) -> UUID:
        """Who."""

    @property
    def partner(self) -> str:
        """Where they are, for people."""

    @property
    def role(self) -> str:
        """What they may do."""

    @property
    def name(self) -> str:
        """Their name."""

    @property
    def partner_ids(self) -> tuple[UUID, ...]:
        """The partners that they may choose from."""


def chooser(people: Iterable[Shown], *, address: Callable[[Shown], str], label: str) -> Response:
    """A table for each partner, a row for each person, with a link that is made by ``address``."""
    found = sorted(people, key=lambda each: (each.partner == HUBSPOT, each.partner))
    tables = [
        f"<table><caption>{html.escape(partner)}</caption><tbody>"
        + "".join(_row(each, address(each), label) for each in of_it)
        + "</tbody></table>"
        for partner, of_it in groupby(found, key=lambda each: each.partner)
    ]
    return page(
        "Who are you?",
        "Sample people. Being one of them is good for this machine's demo and nothing else.",
        "".join(tables) or "<p>Nobody yet: import a portfolio.</p>",
    )


def _row(person: Shown, href: str, label: str) -> str:
    name, role = html.escape(person.name), ROLES[person.role]
    if person.partner_ids:
        role += f", of {len(person.partner_ids)} partners to choose from"
    return (
        f'<tr><th scope="row">{name}</th><td>{role}</td><td>'
        f'<a href="{html.escape(href)}">{label}<span class="aside"> as {name}</span></a></td></tr>'
    )


def page(title: str, text: str, content: str = "", status: int = 200) -> Response:
    """A page of the issuer; ``content`` is HTML, the others are text."""
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{html.escape(title)}</title><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="/style.css"></head><body><main>'
        f"<h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>{content}</main></body></html>",
        status,
        {
            "Content-Security-Policy": CSP,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        },
    )
