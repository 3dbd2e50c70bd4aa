"""What others read of the contracts, made of the schemas: AsyncAPI, Markdown, HTML, TypeScript."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from shared.contracts.documents import asyncapi, catalogue, html, markdown, typescript

if TYPE_CHECKING:
    from shared.contracts.schemas import Plan

REFERENCE = Path(__file__).parent.parent / "reference"


def files(planned: "Plan", folder: Path = REFERENCE) -> dict[Path, str]:
    """Every document, as the planned schemas and golden records make it."""
    entries = catalogue.entries(planned)
    document = asyncapi.render(planned)
    return {
        folder / "asyncapi.json": json.dumps(document, indent=2, ensure_ascii=False) + "\n",
        folder / "events.md": markdown.render(entries),
        folder / "events.html": html.render(entries),
        folder / "events.d.ts": typescript.render(planned),
    }
