"""What the pods are told: settings as they were meant, secrets as files, each where it belongs."""

from pathlib import Path
from typing import Any

import pytest

from deploy.helm import facts
from deploy.local.settings import SERVICES
from shared.chassis.settings import ServiceSettings, load
from tests.helm import charting
from tests.helm.charting import Object
from tests.webhooks.receiver import certificate

pytestmark = pytest.mark.charts

# A value of every secret, that its service takes.
SECRET = "postgresql://someone:0123456789abcdef0123456789abcdef@db.example:5432/x"
CERTIFICATES: Object = {
    "kafka": {
        "servers": "kafka.data.svc:9093",
        "securityProtocol": "SSL",
        "ca": {"existingSecret": "kafka-ca"},
    },
    "services": {
        service: {"kafka": {"certificate": {"existingSecret": f"kafka-{service}"}}}
        for service in SERVICES
    },
    "topics": {"kafka": {"certificate": {"existingSecret": "kafka-topics"}}},
}
WAYS: dict[str, tuple[str, Object | None]] = {
    **{name: (name, None) for name in charting.EXAMPLES},
    "certificates": ("small", CERTIFICATES),
}
EVERY_WAY = pytest.mark.parametrize("way", WAYS)


def told(way: str) -> list[tuple[str, str, str, Object]]:
    """Each pod of the services' own commands: its name, service, role and spec."""
    name, values = WAYS[way]
    return [
        (what, labels["app.kubernetes.io/component"], labels["partner-tools/role"], spec)
        for what, labels, spec in (
            (what, metadata["labels"], spec)
            for what, metadata, spec in charting.pods(charting.rendered(name, values))
        )
        if labels["partner-tools/role"] != "test"
    ]


def files(spec: Object) -> dict[str, tuple[str, str]]:
    """Each file that the kubelet would write: its path; the Secret it is of, and the key there."""
    places = {each["name"]: each["mountPath"] for each in spec["containers"][0]["volumeMounts"]}
    found: dict[str, tuple[str, str]] = {}
    for volume in spec["volumes"]:
        for source in volume.get("projected", {}).get("sources", ()):
            for item in source["secret"]["items"]:
                path = f"{places[volume['name']]}/{item['path']}"
                assert path not in found, f"{path} comes twice"
                found[path] = source["secret"]["name"], item["key"]
    return found


def write(folder: Path, spec: Object) -> None:
    """Write those files below a folder."""
    pem, _ = certificate(folder, "kafka")
    held = {"ca.crt": pem, "user.crt": pem, "user.key": pem.with_suffix(".key")}
    for path in files(spec):
        there = folder / path.lstrip("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(held[there.name].read_text() if there.name in held else SECRET + "\n")


@EVERY_WAY
def test_every_pod_can_read_its_settings_as_they_were_meant(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for what, service, role, spec in told(way):
        folder = tmp_path / what.replace(" ", "-")
        folder.mkdir()
        write(folder, spec)
        with monkeypatch.context() as patched:
            for variable in facts.variables(service):
                patched.delenv(variable.name, raising=False)
            for name, value in charting.environment(spec).items():
                patched.setenv(name, f"{folder}{value}" if value.startswith("/run/") else value)
            settings: ServiceSettings = load(facts.settings_of(service))
        assert settings.database_url == SECRET, what
        assert (settings.http_host, settings.http_port) == ("0.0.0.0", 8000)
        assert (settings.owner_database_url == SECRET) is (role == "migrate"), what
        if role == "main":
            run = {name for name in facts.roles(service) if getattr(settings, f"run_{name}")}
            apart = {each for _, s, each, _ in told(way) if s == service}
            assert run == set(facts.roles(service)) - apart


@EVERY_WAY
def test_no_secret_is_a_variable_and_no_service_sees_the_owner_of_its_database(way: str) -> None:
    for what, service, role, spec in told(way):
        secret = {each.name for each in facts.variables(service) if each.secret}
        assert not (secret | {facts.KAFKA_PASSWORD}) & set(charting.environment(spec)), what
        owners = {name for name, _ in files(spec).values() if name.endswith("-owner")}
        wanted = {f"partner-tools-{service}-owner"} if role == "migrate" else set()
        assert owners == wanted, what


def test_who_makes_the_topics_is_nobody_else() -> None:
    makers = set()
    for what, service, role, spec in told("large"):
        name, key = files(spec)["/run/secrets/partner-tools/KAFKA_PASSWORD"]
        user = charting.environment(spec)["KAFKA_USERNAME"]
        assert key == "KAFKA_PASSWORD"
        assert (user, name) == (
            ("topics", "partner-tools-topics")
            if role == "topics"
            else (service, f"partner-tools-{service}")
        )
        if user == "topics":
            makers.add(what)
    assert len(makers) == 1


@EVERY_WAY
def test_what_kafka_needs_is_told_and_nothing_beside(way: str) -> None:
    protocol = {"small": "PLAINTEXT", "certificates": "SSL"}.get(way, "SASL_SSL")
    for _, service, role, spec in told(way):
        user = "topics" if role == "topics" else service
        wanted: dict[str, Any] = {"KAFKA_SECURITY_PROTOCOL": protocol}
        if protocol.startswith("SASL"):
            wanted |= {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-512", "KAFKA_USERNAME": user}
        if protocol.endswith("SSL"):
            wanted |= {"KAFKA_CA_FILE": "/run/kafka/ca.crt"}
        if protocol == "SSL":
            wanted |= {"KAFKA_CERTIFICATE_FILE": "/run/kafka/user.crt"}
            wanted |= {"KAFKA_KEY_FILE": "/run/kafka/user.key"}
            assert files(spec)["/run/kafka/user.key"] == (f"kafka-{user}", "user.key")
        there = charting.environment(spec)
        kept = {k: v for k, v in there.items() if k.startswith("KAFKA_") and k != "KAFKA_SERVERS"}
        assert kept == wanted
        assert {v for k, v in wanted.items() if k.endswith("_FILE")} <= set(files(spec))


def test_a_secret_may_stand_elsewhere_under_another_name() -> None:
    for _, service, _, spec in told("strimzi-cnpg"):
        assert files(spec)["/run/secrets/partner-tools/KAFKA_PASSWORD"] == (service, "password")
    senders = [spec for _, _, role, spec in told("large") if role == "sender"]
    assert [
        files(each)["/run/secrets/partner-tools/NOTIFICATIONS_SMTP_PASSWORD"] for each in senders
    ] == [("mail-relay", "password")]


def test_numbers_reach_a_service_as_it_reads_them() -> None:
    values = {"services": {"clients": {"settings": {"CLIENTS_PARTNER_RATE": 2500000}}}}
    [main] = [
        spec
        for what, _, spec in charting.pods(charting.rendered(values=values))
        if what == "Deployment demo-partner-tools-clients"
    ]
    assert charting.environment(main)["CLIENTS_PARTNER_RATE"] == "2500000"
