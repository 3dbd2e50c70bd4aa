"""What became of the sample: who was told what, what was not told and why, and the tiers."""

from collections import Counter
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table

from deploy.demo.doors import Doors
from deploy.demo.story import Failed, Story
from deploy.local.settings import LocalSettings

_STAGES = ("entered", "d-45", "d-15", "d-7", "d-1", "d-0", "outcome", "services_ended")
_UNTOLD = ("blocked", "dropped", "superseded", "rejected", "unknown")


async def show(console: Console, settings: LocalSettings, story: Story) -> None:
    """Print it. Raises Failed where the ledger and the mail sink do not agree."""
    partners = story.sample["partners"]
    async with Doors(settings) as doors:
        counts: dict[str, list[dict[str, Any]]] = {}
        tiers: dict[str, dict[str, Any]] = {}
        for partner in partners:
            admin = await doors.admin_of(UUID(partner["partner_id"]))
            summary = await doors.get("notifications", "/messages/summary", admin)
            counts[partner["name"]] = summary.json()["counts"]
            tiers[partner["name"]] = (await doors.get("tiers", "/tier", admin)).json()
        mails = await doors.mails()
    console.print()
    console.print(_told(counts))
    console.print(_untold(counts))
    console.print(_tiers(tiers))
    sent = sum(each["messages"] for of in counts.values() for each in of if _is_told(each))
    console.print(f"{sent} messages accepted according to the ledger, {mails} mails in the sink.")
    ended = story.ended
    console.print(
        f"Services ended for {ended['client']}: the partner had {ended['told_before']} mails about "
        f"it until then and none since; the client itself has had {ended['client_told_since']}."
    )
    console.print(f"For the services it is {story.shown_at():%Y-%m-%d %H:%M} UTC.\n")
    console.print(_addresses(settings))
    if sent != mails:
        raise Failed("The ledger and the mail sink do not agree; make logs shows what happened.")


def _is_told(count: dict[str, Any]) -> bool:
    return bool(count["state"] == "accepted")


def _told(counts: dict[str, list[dict[str, Any]]]) -> Table:
    table = Table(title="Told: messages that the mail relay accepted")
    for heading in ("partner", "told", *_STAGES, "all"):
        table.add_column(heading, justify="left" if heading in {"partner", "told"} else "right")
    whole: Counter[str] = Counter()
    for partner, rows in counts.items():
        for audience in ("client", "partner", "hubspot"):
            by_stage: Counter[str] = Counter()
            for each in rows:
                if _is_told(each) and each["audience"] == audience:
                    by_stage[each["stage"]] += each["messages"]
            if by_stage:
                table.add_row(partner, audience, *_cells(by_stage))
                whole += by_stage
    table.add_section()
    table.add_row("all", "", *_cells(whole))
    return table


def _cells(by_stage: Counter[str]) -> list[str]:
    return [
        *(str(by_stage[stage] or "") for stage in _STAGES),
        str(sum(by_stage.values())),
    ]


def _untold(counts: dict[str, list[dict[str, Any]]]) -> Table:
    table = Table(title="Not told, and why")
    for heading in ("partner", "what became of it", "why"):
        table.add_column(heading)
    table.add_column("messages", justify="right")
    for partner, rows in counts.items():
        reasons: Counter[tuple[str, str]] = Counter()
        for each in rows:
            if each["state"] in _UNTOLD:
                reasons[each["state"], (each["reason"] or "").replace("_", " ")] += each["messages"]
        for (state, reason), messages in sorted(reasons.items()):
            table.add_row(partner, state, reason, str(messages))
    return table


def _tiers(tiers: dict[str, dict[str, Any]]) -> Table:
    table = Table(title="Tiers")
    for heading in ("partner", "credited", "today's", "sold MRR", "managed MRR", "median", ""):
        table.add_column(heading, justify="right" if "MRR" in heading else "left")
    for partner, tier in tiers.items():
        table.add_row(partner, *_tier_cells(tier))
    return table


def _tier_cells(tier: dict[str, Any]) -> list[str]:
    credited, usage, certified = tier["credited"], tier["median_app_usage"], tier["certification"]
    until = certified["expires_on"]
    gates = [f"certified to {until}" if certified["certified"] else f"certified only to {until}"]
    gates += [f"without {each['currency']}: {each['reason']}" for each in tier["excluded"]]
    return [
        f"{credited['tier'] or 'none'} since {credited['since']}",
        tier["performance"] or "none",
        f"{tier['sold_mrr']} {tier['currency']}",
        f"{tier['managed_mrr']} {tier['currency']}",
        f"{usage['median']} apps",
        "; ".join(gates),
    ]


def _addresses(settings: LocalSettings) -> Table:
    table = Table(title="Where everything is", show_header=False)
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_row("[bold]the page: be anybody of the sample[/]", f"[bold]{settings.page}[/]")
    table.add_row("mail that was sent", settings.mail)
    table.add_row("tokens for the sample's people", settings.issuer)
    for service in settings.services:
        if service == "dashboard":
            continue
        table.add_row(f"{service} (its API: /openapi.json)", settings.service_url(service))
    table.add_row("Kafka", settings.kafka_servers)
    table.add_row("PostgreSQL", f"127.0.0.1:{settings.postgres_port}")
    table.add_row("stop it all", "make down")
    return table
