"""A value that is not right is refused before anything runs, with its place and what is right."""

from typing import Any

import pytest

from deploy.local.settings import SERVICES
from tests.helm import charting
from tests.helm.charting import Object

pytestmark = pytest.mark.charts


def at(path: str, value: Any) -> Object:
    """Values that say one thing alone, at a place."""
    first, _, rest = path.partition("/")
    return {first: at(rest, value) if rest else value}


WRONG = [
    # path, value, what is said of it
    ("replica", 3, "additional properties 'replica' not allowed"),
    ("publicUrl", "renewals.example.com", "'/publicUrl'"),
    ("publicUrl", "https://example.com/page", "'/publicUrl'"),
    ("kafka/servers", "kafka", "'/kafka/servers'"),
    ("kafka/securityProtocol", "SASL", "'/kafka/securityProtocol'"),
    ("kafka/password", "x", "at '/kafka': additional properties 'password' not allowed"),
    ("oidc/issuer", "id.example.com", "'/oidc/issuer'"),
    ("image/pullPolicy", "Sometimes", "'/image/pullPolicy'"),
    ("migrations/mode", "yes", "'/migrations/mode'"),
    ("topics/mod", "job", "at '/topics/mod': value must be 'nothing: there is no such value'"),
    ("settings/CLIENTS_DATABASE_POOL", 5, "'CLIENTS_DATABASE_POOL' not allowed"),
    ("services/payments", {}, "at '/services': additional properties 'payments' not allowed"),
    ("services/clients/replica", 3, "at '/services/clients/replica': value must be 'nothing"),
    ("services/clients/replicas", -1, "'/services/clients/replicas': minimum"),
    ("services/clients/existingSecret", "Not A Name", "'/services/clients/existingSecret'"),
    ("services/clients/image/digest", "sha256:abc", "'/services/clients/image/digest'"),
    ("services/clients/settings/CLIENTS_DATABASE_POL", 5, "'CLIENTS_DATABASE_POL' not allowed"),
    ("services/clients/settings/TIERS_DATABASE_POOL", 5, "'TIERS_DATABASE_POOL' not allowed"),
    ("services/clients/settings/CLIENTS_DATABASE_POOL", "ten", "got string, want integer"),
    ("services/clients/settings/CLIENTS_DATABASE_POOL", 1000, "maximum: got 1,000, want 200"),
    ("services/clients/settings/LOG_LEVEL", "loud", "'/services/clients/settings/LOG_LEVEL'"),
    ("services/clients/roles/sweep", {}, "additional properties 'sweep' not allowed"),
    ("services/clients/roles/consumers", {}, "additional properties 'consumers' not allowed"),
    ("services/renewals/roles/sweep/replica", 2, "/sweep/replica': value must be 'nothing"),
    ("services/renewals/autoscaling/mode", ["cpu", "lag"], "'/services/renewals/autoscaling/mode'"),
    ("services/renewals/autoscaling/mode", "both", "'/services/renewals/autoscaling/mode'"),
    (
        "services/renewals/autoscaling",
        {"mode": "lag", "maxReplicas": 13},
        "maximum: got 13, want 12",
    ),
    ("services/renewals/autoscaling", {"mode": "lag", "minReplicas": 1}, "minimum: got 1, want 2"),
    ("services/clients/autoscaling/mode", "lag", "must be one of 'none', 'cpu'"),
    ("services/dashboard/autoscaling/mode", "lag", "must be one of 'none', 'cpu'"),
    ("services/renewals/roles/sweep/autoscaling/mode", "lag", "must be one of 'none', 'cpu'"),
    ("defaults/autoscaling/mode", "lag", "must be one of 'none', 'cpu'"),
    ("defaults/pod/terminationGracePeriodSeconds", 30, "minimum: got 30, want 45"),
    ("networkPolicy/notPublic", ["everywhere"], "'/networkPolicy/notPublic/0'"),
    ("networkPolicy/kafka", [{"podSelctor": {}}], "'podSelctor' not allowed"),
]
ELSEWHERE = [
    *(
        (service, f"{service.upper()}_DATABASE_URL", f"services.{service}.secrets.")
        for service in SERVICES
    ),
    *(
        (service, f"{service.upper()}_OWNER_DATABASE_URL", f"services.{service}.owner")
        for service in SERVICES
    ),
    ("dashboard", "DASHBOARD_SESSION_KEY", "services.dashboard.secrets.DASHBOARD_SESSION_KEY"),
    ("dashboard", "DASHBOARD_PUBLIC_URL", "publicUrl"),
    ("webhooks", "WEBHOOKS_SECRETS_KEY", "services.webhooks.secrets.WEBHOOKS_SECRETS_KEY"),
    ("renewals", "RENEWALS_RUN_SWEEP", "services.renewals.roles"),
    ("renewals", "KAFKA_SERVERS", "kafka.servers"),
    ("tiers", "OIDC_ISSUER", "oidc.issuer"),
    ("tiers", "TIERS_HTTP_PORT", "listen"),
]


@pytest.mark.parametrize(("path", "value", "said"), WRONG, ids=lambda each: str(each)[:60])
def test_a_wrong_value_is_refused_with_its_place(path: str, value: Any, said: str) -> None:
    text = charting.refusal(at(path, value))
    assert said in text
    assert "values don't meet the specifications of the schema" in text


def test_helm_lint_refuses_what_template_refuses() -> None:
    code, text = charting.run(
        "lint --strict",
        *(str(charting.CHART), "-f", str(charting.example("small"))),
        values=at("services/clients/settings/CLIENTS_DATABASE_POL", 5),
    )
    assert code != 0
    assert "'CLIENTS_DATABASE_POL' not allowed" in text


@pytest.mark.parametrize(("service", "name", "where"), ELSEWHERE)
def test_what_is_said_elsewhere_is_refused_among_the_settings_with_the_place(
    service: str, name: str, where: str
) -> None:
    text = charting.refusal(at(f"services/{service}/settings/{name}", "a-password"))
    assert f"'/services/{service}/settings/{name}'" in text
    assert f"said elsewhere: {where}" in text
    assert "a-password" not in text


def test_the_sentence_that_says_where_is_not_taken_as_a_value_either() -> None:
    path = "services/clients/settings/CLIENTS_DATABASE_URL"
    place = "services.clients.secrets.CLIENTS_DATABASE_URL (it names a Secret)"
    assert "maxLength" in charting.refusal(at(path, f"said elsewhere: {place}"))


def test_what_has_no_default_is_asked_for() -> None:
    code, text = charting.template()
    assert code != 0
    for missing in ("publicUrl", "servers", "issuer", "jwksUrl"):
        assert f"'{missing}'" in text


def test_scaling_on_lag_where_the_consumers_are_elsewhere_is_refused() -> None:
    text = charting.refusal(
        {"services": {"renewals": {"autoscaling": {"mode": "lag"}, "roles": {"consumers": {}}}}}
    )
    assert "services.renewals.roles.consumers.autoscaling" in text


@pytest.mark.parametrize("service", SERVICES)
def test_the_owners_login_cannot_be_put_among_what_the_service_sees(service: str) -> None:
    name = f"{service.upper()}_OWNER_DATABASE_URL"
    text = charting.refusal(at(f"services/{service}/secrets/{name}", {"existingSecret": "x"}))
    assert f"services.{service}.owner (only the migration sees it)" in text
