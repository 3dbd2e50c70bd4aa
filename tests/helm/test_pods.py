"""What runs: which part where, with which secrets, how it is watched and stopped."""

import json

import pytest

from deploy.helm import facts
from deploy.local.settings import SERVICES
from tests.helm import charting
from tests.helm.charting import Object

pytestmark = pytest.mark.charts


def deployments(objects: tuple[Object, ...], service: str) -> dict[str, Object]:
    """The Deployments of a service, by their role."""
    return {
        each["metadata"]["labels"]["partner-tools/role"]: each
        for each in charting.of_kind(objects, "Deployment")
        if each["metadata"]["labels"]["app.kubernetes.io/component"] == service
    }


def switched_on(service: str, deployment: Object) -> set[str]:
    """The roles that a Deployment's pods have."""
    told = charting.environment(deployment["spec"]["template"]["spec"])
    return {role for role, name in facts.roles(service).items() if told[name] == "true"}


def apart(service: str, *roles: str) -> tuple[Object, ...]:
    """The small example with these roles of a service apart."""
    return charting.rendered(
        values={"services": {service: {"roles": {role: {} for role in roles}}}}
    )


@pytest.mark.parametrize("service", SERVICES)
def test_every_switch_of_a_service_is_a_role_unless_there_is_nothing_to_switch(
    service: str,
) -> None:
    fields = {name for name in facts.settings_of(service).model_fields if name[:4] == "run_"}
    assert fields - {f"run_{role}" for role in facts.roles(service)} == (
        set() if facts.hears(service) else {"run_consumers"}
    )


@pytest.mark.parametrize("service", SERVICES)
def test_by_default_a_service_is_one_deployment_that_does_everything(service: str) -> None:
    found = deployments(charting.rendered(), service)
    assert list(found) == ["main"]
    assert switched_on(service, found["main"]) == set(facts.roles(service))


@pytest.mark.parametrize("service", SERVICES)
def test_with_all_roles_apart_each_runs_in_its_own_deployment_and_nowhere_else(
    service: str,
) -> None:
    roles = facts.roles(service)
    found = deployments(apart(service, *roles), service)
    assert {role: switched_on(service, each) for role, each in found.items()} == {
        role: {role} for role in roles
    }


@pytest.mark.parametrize("service", SERVICES)
def test_with_one_role_apart_the_others_stay_together(service: str) -> None:
    roles = facts.roles(service)
    found = deployments(apart(service, "relay"), service)
    assert {role: switched_on(service, each) for role, each in found.items()} == {
        "main": set(roles) - {"relay"},
        "relay": {"relay"},
    }


@pytest.mark.parametrize("name", charting.EXAMPLES)
def test_in_every_example_each_role_runs_in_exactly_one_deployment(name: str) -> None:
    for service in SERVICES:
        found = deployments(charting.rendered(name), service).values()
        ran = sorted(role for each in found for role in switched_on(service, each))
        assert ran == sorted(facts.roles(service)), service


@pytest.mark.parametrize("roles", [(), ("http",), ("relay",), ("http", "relay", "consumers")])
def test_a_service_is_reached_at_the_pods_that_answer_requests(roles: tuple[str, ...]) -> None:
    objects = apart("renewals", *roles)
    [service] = [
        each
        for each in charting.of_kind(objects, "Service")
        if each["metadata"]["name"] == "demo-partner-tools-renewals"
    ]
    wanted = service["spec"]["selector"].items()
    reached = {
        role: wanted <= each["spec"]["template"]["metadata"]["labels"].items()
        for role, each in deployments(objects, "renewals").items()
    }
    answering = "http" if "http" in roles else "main"
    assert {role for role, is_reached in reached.items() if is_reached} == {answering}


@pytest.mark.parametrize("name", charting.EXAMPLES)
def test_a_selector_finds_the_pods_of_its_own_workload_alone(name: str) -> None:
    objects = charting.rendered(name)
    every = [(what, metadata["labels"]) for what, metadata, _ in charting.pods(objects)]
    for each in charting.of_kind(objects, "Deployment", "PodDisruptionBudget"):
        wanted = each["spec"]["selector"]["matchLabels"].items()
        found = [what for what, labels in every if wanted <= labels.items()]
        assert found == [f"Deployment {each['metadata']['name']}"]
    budgets = {
        each["metadata"]["name"] for each in charting.of_kind(objects, "PodDisruptionBudget")
    }
    assert budgets == {each["metadata"]["name"] for each in charting.of_kind(objects, "Deployment")}


@pytest.mark.parametrize("name", charting.EXAMPLES)
def test_every_part_is_probed_stopped_gently_and_replaced_one_by_one(name: str) -> None:
    for each in charting.of_kind(charting.rendered(name), "Deployment"):
        assert each["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        spec = each["spec"]["template"]["spec"]
        [container] = spec["containers"]
        told = charting.environment(spec)
        start = container["startupProbe"]
        patience = start["periodSeconds"] * start["failureThreshold"]
        assert patience > float(told.get("START_TIMEOUT", 60)) + 30
        assert start["httpGet"] == container["livenessProbe"]["httpGet"]
        assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
        assert container["ports"] == [{"name": "http", "containerPort": 8000, "protocol": "TCP"}]
        pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pause == 5
        assert spec["terminationGracePeriodSeconds"] >= pause + 38
        spread = {c["topologyKey"] for c in spec["topologySpreadConstraints"]}
        assert spread == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}


@pytest.mark.parametrize("name", charting.EXAMPLES)
def test_every_container_says_what_it_takes_and_what_it_is(name: str) -> None:
    for what, _, spec in charting.pods(charting.rendered(name)):
        for container in spec["containers"]:
            resources = container["resources"]
            assert set(resources["requests"]) == set(resources["limits"]) == {"cpu", "memory"}
            image = container["image"]
            assert image.startswith("registry.example.com/partner-tools/"), what
            assert image.rpartition("/")[2].count(":") == 1


def test_a_digest_wins_over_a_tag_and_a_services_own_image_over_all() -> None:
    digest = "sha256:" + "ab" * 32
    objects = charting.rendered(
        values={
            "image": {"tag": "1.2.3"},
            "services": {
                "tiers": {"image": {"digest": digest}},
                "webhooks": {"image": {"repository": "own/hooks", "tag": "9"}},
            },
        }
    )
    images = {
        spec["containers"][0]["name"]: spec["containers"][0]["image"]
        for what, _, spec in charting.pods(objects)
        if what.startswith("Deployment")
    }
    assert images["tiers"] == f"registry.example.com/partner-tools/tiers@{digest}"
    assert images["webhooks"] == "registry.example.com/own/hooks:9"
    assert images["clients"] == "registry.example.com/partner-tools/clients:1.2.3"


def test_none_of_a_part_runs_where_its_replicas_are_none() -> None:
    objects = charting.rendered(
        values={"services": {"renewals": {"roles": {"sweep": {"replicas": 0}}}}}
    )
    found = deployments(objects, "renewals")
    assert found["sweep"]["spec"]["replicas"] == 0
    assert found["main"]["spec"]["replicas"] == 2


def test_a_service_that_is_off_leaves_nothing_behind() -> None:
    objects = charting.rendered(values={"services": {"webhooks": {"enabled": False}}})
    assert "webhooks" not in json.dumps(objects)


@pytest.mark.parametrize("mode", ["job", "hook", "off"])
def test_migrations_and_topics_are_made_in_the_way_that_was_asked_for(mode: str) -> None:
    objects = charting.rendered(values={"migrations": {"mode": mode}, "topics": {"mode": mode}})
    jobs = {each["metadata"]["name"]: each for each in charting.of_kind(objects, "Job")}
    assert len(jobs) == (0 if mode == "off" else len(SERVICES) + 1)
    for name, job in jobs.items():
        hooked = "helm.sh/hook" in job["metadata"].get("annotations", {})
        assert hooked is (mode == "hook")
        # A hook runs before the accounts are there.
        assert ("serviceAccountName" in job["spec"]["template"]["spec"]) is (mode == "job"), name


def test_a_job_has_another_name_once_it_would_run_something_else() -> None:
    def names(**image: str) -> set[str]:
        objects = charting.rendered(values={"image": image})
        return {each["metadata"]["name"] for each in charting.of_kind(objects, "Job")}

    assert not names(tag="1.0.0") & names(tag="1.0.1")
    assert names(tag="1.0.0") == names(tag="1.0.0")


def test_scaling_on_lag_asks_for_the_groups_that_the_service_has() -> None:
    objects = charting.rendered("large")
    found = {each["metadata"]["name"]: each for each in charting.of_kind(objects, "ScaledObject")}
    assert set(found) == {
        f"demo-partner-tools-{service}-consumers"
        for service in ("renewals", "notifications", "tiers", "webhooks")
    }
    for service in ("renewals", "notifications", "tiers", "webhooks"):
        spec = found[f"demo-partner-tools-{service}-consumers"]["spec"]
        asked = [
            {"topic": t["metadata"]["topic"], "group": t["metadata"]["consumerGroup"]}
            for t in spec["triggers"]
        ]
        assert asked == list(facts.groups(service))
        assert 2 <= spec["minReplicaCount"] <= spec["maxReplicaCount"] <= 12
        assert spec["cooldownPeriod"] == 300
        assert spec["fallback"]["replicas"] >= spec["minReplicaCount"]


@pytest.mark.parametrize("name", charting.EXAMPLES)
def test_what_scales_is_scaled_by_one_and_says_no_number_itself(name: str) -> None:
    objects = charting.rendered(name)
    scaled = [
        each["spec"]["scaleTargetRef"]["name"]
        for each in charting.of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject")
    ]
    assert len(scaled) == len(set(scaled))
    for each in charting.of_kind(objects, "Deployment"):
        assert ("replicas" in each["spec"]) is (each["metadata"]["name"] not in scaled)


def test_the_dashboard_asks_at_the_addresses_that_the_services_have() -> None:
    for name in charting.EXAMPLES:
        objects = charting.rendered(name)
        there = {
            f"http://{each['metadata']['name']}:{port['port']}"
            for each in charting.of_kind(objects, "Service")
            for port in each["spec"]["ports"]
        }
        for role, each in deployments(objects, "dashboard").items():
            told = charting.environment(each["spec"]["template"]["spec"])
            asked = {f"DASHBOARD_{s.upper()}_URL" for s in SERVICES} & set(told)
            assert asked == {
                v.name
                for v in facts.variables("dashboard")
                if v.field.removesuffix("_url") in SERVICES
            }, role
            assert {told[variable] for variable in asked} < there
