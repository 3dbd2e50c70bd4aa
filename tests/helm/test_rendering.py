"""What the chart makes of each example is what Kubernetes and its operators take."""

from collections import Counter

import pytest

from tests.helm import charting

pytestmark = pytest.mark.charts


@pytest.mark.parametrize("name", charting.EXAMPLES)
def test_helm_finds_nothing_wrong_with_an_example(name: str) -> None:
    code, said = charting.run(
        "lint --strict", str(charting.CHART), "-f", str(charting.example(name))
    )
    assert code == 0, said
    assert "0 chart(s) failed" in said


@pytest.mark.parametrize("version", charting.KUBERNETES)
@pytest.mark.parametrize("name", charting.EXAMPLES)
def test_every_object_is_one_for_a_current_kubernetes(name: str, version: str) -> None:
    found = {
        f"{each['kind']} {each['metadata']['name']}": charting.complaints(version, each)
        for each in charting.rendered(name)
    }
    assert len(found) > 30
    assert not {what: wrong for what, wrong in found.items() if wrong}


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("Deployment", {"replicas": "two"}),
        ("Deployment", {"maxUnavailable": 0}),
        ("NetworkPolicy", {"egres": []}),
        ("ScaledObject", {"maxReplicas": 12}),
        ("ScaledObject", {"cooldownPeriod": "300"}),
        ("PodMonitor", {"podMetricEndpoints": []}),
    ],
)
def test_a_wrong_object_would_be_noticed(kind: str, spoil: charting.Object) -> None:
    [first, *_] = charting.of_kind(charting.rendered("large"), kind)
    spoilt = first | {"spec": first["spec"] | spoil}
    assert charting.complaints(charting.KUBERNETES[-1], spoilt)


@pytest.mark.parametrize("name", charting.EXAMPLES)
def test_no_two_objects_share_a_name_and_all_are_in_the_release(name: str) -> None:
    objects = charting.rendered(name)
    names = Counter((each["kind"], each["metadata"]["name"]) for each in objects)
    assert [each for each, times in names.items() if times > 1] == []
    for each in objects:
        if each["kind"] == "PriorityClass":  # the example's own, and no namespace's
            continue
        assert each["metadata"].get("namespace") == "renewals", each["metadata"]["name"]


def test_names_stay_within_what_kubernetes_takes_however_long_the_release_is_called() -> None:
    long = "a-release-whose-name-is-as-long-as-helm-takes-it-to-be"[:53]
    code, text = charting.run(
        "template",
        long,
        str(charting.CHART),
        *("-f", str(charting.example("large")), "--kube-version", charting.KUBERNETES[-1]),
    )
    assert code == 0, text
    for each in charting.read(text):
        assert len(each["metadata"]["name"]) <= 63
        for label in each["metadata"].get("labels", {}).values():
            assert len(label) <= 63


@pytest.mark.parametrize("version", ["1.29.9", "1.30.0"])
def test_a_kubernetes_that_cannot_pause_before_it_stops_a_pod_is_refused(version: str) -> None:
    code, said = charting.template("-f", str(charting.example("small")), "--kube-version", version)
    assert (code == 0) is (version == "1.30.0")
    assert ("requires kubeVersion" in said) is (version == "1.29.9")


def test_objects_of_ones_own_come_with_the_chart() -> None:
    objects = charting.rendered("large")
    [own] = charting.of_kind(objects, "PriorityClass")
    assert own["metadata"]["name"] == "partner-tools"
    [notes] = [
        each
        for each in charting.of_kind(objects, "ConfigMap")
        if each["metadata"]["name"].endswith("-notes")
    ]
    assert notes["data"] == {"page": "https://renewals.example.com"}


def test_the_chart_makes_no_secret() -> None:
    for name in charting.EXAMPLES:
        assert charting.of_kind(charting.rendered(name), "Secret") == []
