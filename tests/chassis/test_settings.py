"""What a service reads from its environment, and what it says when that is wrong."""

import os
import ssl
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from pydantic import Field, ValidationError
from pydantic_settings import SettingsConfigDict

from deploy.local.certificates import Authority
from shared.chassis.access import Access
from shared.chassis.settings import ServiceSettings, load, variable

GOOD = {
    "GADGETS_DATABASE_URL": "postgresql://gadgets:hunter2@localhost/gadgets",
    "KAFKA_SERVERS": "localhost:19092",
    "OIDC_ISSUER": "https://id.example.com",
    "OIDC_JWKS_URL": "https://id.example.com/keys",
}


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="GADGETS_")

    run_sweep: bool = Field(default=True, description="Sweep.")
    smtp_password: str | None = Field(default=None, repr=False, min_length=8, description="Secret.")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in list(os.environ):
        if name.startswith(("GADGETS_", "KAFKA_", "OIDC_", "OTEL_", "SETTINGS_")):
            monkeypatch.delenv(name)
    for name in ("LOG_LEVEL", "CLOCK_FILE", "START_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def complaints(capsys: pytest.CaptureFixture[str]) -> list[str]:
    with pytest.raises(SystemExit) as exit_:
        load(Settings)
    assert exit_.value.code == 2
    return capsys.readouterr().err.splitlines()


def test_own_settings_have_the_services_prefix_and_common_ones_have_none(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("GADGETS_RUN_SWEEP", "false")
    environment.setenv("GADGETS_HTTP_PORT", "18100")
    environment.setenv("CLOCK_FILE", "/tmp/clock")  # noqa: S108 - it is only a name here
    settings = load(Settings)
    assert (settings.run_sweep, settings.http_port) == (False, 18100)
    assert settings.kafka_servers == "localhost:19092"
    assert settings.clock_file == Path("/tmp/clock")  # noqa: S108
    assert settings.oidc_audience == "partner-tools"
    assert variable(Settings, "run_sweep") == "GADGETS_RUN_SWEEP"
    assert variable(Settings, "kafka_servers") == "KAFKA_SERVERS"


@pytest.mark.usefixtures("environment")
def test_settings_cannot_be_changed_later() -> None:
    settings = load(Settings)
    with pytest.raises(ValidationError):
        settings.http_port = 1  # type: ignore[misc]


def test_a_secret_may_be_a_file_and_is_never_shown(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "gadgets_smtp_password").write_text("correct horse\n")
    environment.setenv("SETTINGS_SECRETS_DIR", str(tmp_path))
    settings = load(Settings)
    assert settings.smtp_password == "correct horse"
    assert "correct horse" not in repr(settings)
    assert "hunter2" not in repr(settings)


def test_a_secrets_folder_that_is_not_there_is_said(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("SETTINGS_SECRETS_DIR", "/nowhere")
    assert complaints(capsys) == ["SETTINGS_SECRETS_DIR is '/nowhere': it should name a folder"]


def test_each_bad_setting_gets_a_line_with_variable_value_and_what_would_be_right(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.delenv("OIDC_ISSUER")
    environment.setenv("GADGETS_HTTP_PORT", "eighty")
    environment.setenv("KAFKA_SERVERS", "localhost")
    environment.setenv("LOG_LEVEL", "chatty")
    environment.setenv("GADGETS_SMTP_PASSWORD", "short")
    environment.setenv("GADGETS_DATABASE_URL", "mysql://x:hunter2@y/z")
    lines = {line.split()[0]: line for line in complaints(capsys)}
    assert len(lines) == 6
    assert lines["OIDC_ISSUER"].startswith("OIDC_ISSUER is not set: Who issues the tokens")
    assert "is 'eighty': Input should be a valid integer" in lines["GADGETS_HTTP_PORT"]
    assert "such as localhost:19092" in lines["KAFKA_SERVERS"]
    assert "'debug', 'info', 'warning' or 'error'" in lines["LOG_LEVEL"]
    assert "GADGETS_SMTP_PASSWORD cannot be used" in lines["GADGETS_SMTP_PASSWORD"]
    assert "short" not in lines["GADGETS_SMTP_PASSWORD"]
    assert "such as postgresql://" in lines["GADGETS_DATABASE_URL"]
    assert "hunter2" not in "".join(lines.values())


def test_every_setting_says_what_it_is_for() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_a_process_with_bad_settings_ends_with_2_and_no_stack() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from tests.chassis.test_settings import *; load(Settings)"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 4


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, and a certificate of it with its key."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = Authority("An authority")
    authority.write(folder / "ca.crt")
    authority.issue("gadgets", folder / "user.crt", folder / "user.key")
    (folder / "torn.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    return folder


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (
            {"PROTOCOL": "SASL_SSL"},
            "KAFKA_USERNAME is not set: KAFKA_SECURITY_PROTOCOL is SASL_SSL",
        ),
        ({"PROTOCOL": "SASL_SSL", "USERNAME": "gadgets"}, "KAFKA_PASSWORD is not set: "),
        ({"USERNAME": "gadgets", "PASSWORD": "hunter2"}, "KAFKA_USERNAME is set for nothing: "),
        ({"CERTIFICATE_FILE": "user.crt"}, "KAFKA_CERTIFICATE_FILE is set for nothing: "),
        (
            {"CA_FILE": "ca.crt"},
            "KAFKA_CA_FILE is set for nothing: KAFKA_SECURITY_PROTOCOL is PLAIN",
        ),
        ({"PROTOCOL": "SSL", "CA_FILE": "no.crt"}, "KAFKA_CA_FILE is '"),
        ({"PROTOCOL": "SSL", "CERTIFICATE_FILE": "user.crt"}, "KAFKA_KEY_FILE is not set: "),
        ({"PROTOCOL": "SSL", "KEY_FILE": "user.key"}, "KAFKA_CERTIFICATE_FILE is not set: "),
        ({"PROTOCOL": "SSL", "CA_FILE": "torn.crt"}, "KAFKA_CA_FILE cannot be used: "),
        (
            {"PROTOCOL": "SSL", "CERTIFICATE_FILE": "ca.crt", "KEY_FILE": "user.key"},
            "KAFKA_CERTIFICATE_FILE, KAFKA_KEY_FILE cannot be used: ",
        ),
    ],
)
def test_a_way_to_kafka_that_cannot_be_meant_is_refused_with_one_line(
    environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    certified: Path,
    told: dict[str, str],
    line: str,
) -> None:
    for name, value in told.items():
        whole = {"PROTOCOL": "KAFKA_SECURITY_PROTOCOL"}.get(name, f"KAFKA_{name}")
        environment.setenv(whole, str(certified / value) if name.endswith("FILE") else value)
    [said] = complaints(capsys)
    assert said.startswith(line)
    assert "hunter2" not in said


def test_a_service_reaches_kafka_as_its_settings_say(
    environment: pytest.MonkeyPatch, certified: Path
) -> None:
    environment.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    environment.setenv("KAFKA_USERNAME", "gadgets")
    environment.setenv("KAFKA_PASSWORD", "hunter2")
    environment.setenv("KAFKA_CA_FILE", str(certified / "ca.crt"))
    settings = load(Settings)
    told = settings.kafka.options("relay")
    assert told["security_protocol"] == "SASL_SSL"
    assert told["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (told["sasl_plain_username"], told["sasl_plain_password"]) == ("gadgets", "hunter2")
    assert told["client_id"] == "gadgets.relay"
    assert [each["subject"][0][0][1] for each in told["ssl_context"].get_ca_certs()] == [
        "An authority"
    ]
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in repr(settings.kafka)


def test_a_certificate_that_was_renewed_is_shown_with_the_next_connection(
    certified: Path, tmp_path: Path
) -> None:
    authority = Authority("Another authority")
    authority.write(tmp_path / "ca.crt")
    paths = tmp_path / "user.crt", tmp_path / "user.key"
    authority.issue("before", *paths)
    access = Access(
        servers="a:1",
        protocol="SSL",
        ca_file=tmp_path / "ca.crt",
        certificate_file=paths[0],
        key_file=paths[1],
    )
    client = access.tls()
    assert client
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue("localhost", tmp_path / "server.crt", tmp_path / "server.key")
    server.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    server.load_verify_locations(tmp_path / "ca.crt")
    server.verify_mode = ssl.CERT_REQUIRED
    assert name_shown(client, server) == "before"
    authority.issue("after", *paths)
    assert name_shown(client, server) == "after"


def name_shown(client: ssl.SSLContext, server: ssl.SSLContext) -> str:
    """Shake hands in memory; return whom the client says it is."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there, server_hostname="localhost")
    answering = server.wrap_bio(there, back, server_side=True)
    for side in (asking, answering) * 3:
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    shown = answering.getpeercert()
    assert shown
    return str(shown["subject"][0][0][1])
