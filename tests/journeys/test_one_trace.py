"""What follows from a command is one trace, from the request to the mail."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.chassis import telemetry, tracing
from shared.chassis.settings import ServiceSettings
from shared.contracts import clients
from tests import otlp
from tests.journeys.system import System
from tests.journeys.test_end_services import ACME, ADMIN, CAM, DM, MANAGER, POC, partner_owned

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
REASON = "A reason that Zebedee Canary wrote."
ENDED = clients.ServicesEnded.TYPE


@pytest.fixture
def collector() -> Iterator[otlp.Collector]:
    with otlp.collecting() as made:
        yield made


async def end_services(system: System) -> None:
    async with system.http("clients", ADMIN) as client:
        current = await client.get(f"/clients/{ACME}")
        answer = await client.post(
            f"/clients/{ACME}/services/end",
            json={"reason": REASON, "confirm": True},
            headers={
                "If-Match": current.headers["ETag"],
                "traceparent": f"00-{TRACE}-{CALLER}-01",
            },
        )
    assert answer.status_code < 300, answer.text


def settings(collector: otlp.Collector) -> ServiceSettings:
    return ServiceSettings(
        database_url="postgresql://nobody@nowhere/nothing",
        kafka_servers="nowhere:1",
        oidc_issuer="https://id.example.com",
        oidc_jwks_url="https://id.example.com/keys",
        otel_endpoint=collector.url,
    )


async def test_one_trace_leads_from_the_command_by_outbox_kafka_and_handler_to_the_mail(
    partner_tools: System, tmp_path: Path, collector: otlp.Collector
) -> None:
    said = io.StringIO()
    telemetry.configure_logging("all", "info", stream=said)
    try:
        await partner_owned(partner_tools, tmp_path / "files")
        async with tracing.exporting("all", settings(collector)):
            await end_services(partner_tools)
            await partner_tools.quiet()
            await partner_tools.until_letters(1)
        await partner_tools.stop("clients", "renewals", "notifications", "tiers")
    finally:
        telemetry.configure_logging("tests", "warning")

    ours = {span.id: span for span in collector.spans if span.trace == TRACE}

    def one(kind: str, name: str, /, **attributes: str) -> otlp.Span:
        [found] = [
            span
            for span in ours.values()
            if (span.kind, span.name) == (kind, name)
            and attributes.items()
            <= {k.split(".")[-1]: v for k, v in span.attributes.items()}.items()
        ]
        return found

    command = one("server", "POST /clients/{client_id}/services/end")
    create = one("producer", f"create {clients.EVENTS}", event_type=ENDED)
    [send] = [
        s for s in ours.values() if s.name == f"send {clients.EVENTS}" and create.id in s.links
    ]
    handle = one("internal", f"handle {ENDED}", name="notifications.clients.events.v1")
    mails = [span for span in ours.values() if span.name == "SMTP send"]

    assert command.parent == CALLER
    assert create.parent == command.id
    assert send.parent in ours
    assert handle.parent == create.id
    [batch] = [ours[link] for link in handle.links]
    assert (batch.kind, batch.name) == ("consumer", f"process {clients.EVENTS}")
    assert create.id in batch.links
    assert mails
    assert all(span.kind == "client" and span.parent == handle.id for span in mails)
    assert {span.attributes["partner_tools.outcome"] for span in mails} == {"accepted"}
    # Whoever looks at any of it finds the way back to the command.
    for span in ours.values():
        while span is not command:
            span = ours[span.parent]  # noqa: PLW2901 - the way up
    heard = {s.attributes.get("messaging.consumer.group.name") for s in ours.values()}
    assert {"notifications.clients.events.v1", "renewals.clients.events.v1"} <= heard

    lines = said.getvalue()
    assert '"stopping"' in lines
    told = b"".join(collector.bodies)
    for personal in (REASON, "Zebedee", POC, DM, MANAGER, CAM, "Acme", "ada@partner.example"):
        assert personal.encode() not in told, personal
        assert personal not in lines, personal
