"""Each control of the Pod Security Standards' profile "restricted", on every pod there would be.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Callable, Iterator

import pytest

from deploy.local.settings import SERVICES
from tests.helm import charting
from tests.helm.charting import Object

pytestmark = pytest.mark.charts

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
PROFILES = {"RuntimeDefault", "Localhost"}
APPARMOR = {None, "RuntimeDefault", "Localhost"}
SELINUX = {None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}


def containers(spec: Object) -> list[Object]:
    """All containers of a pod, whichever kind."""
    kinds = ("containers", "initContainers", "ephemeralContainers")
    return [each for kind in kinds for each in spec.get(kind, ())]


def contexts(spec: Object) -> Iterator[Object]:
    """The security context of the pod and of each container."""
    yield spec.get("securityContext", {})
    for each in containers(spec):
        yield each.get("securityContext", {})


def effective(spec: Object, field: str) -> Iterator[object]:
    """What each container has: its own, else the pod's."""
    whole = spec.get("securityContext", {}).get(field)
    for each in containers(spec):
        yield each.get("securityContext", {}).get(field, whole)


def no_host_process(spec: Object) -> bool:
    return not any(c.get("windowsOptions", {}).get("hostProcess") for c in contexts(spec))


def no_host_namespaces(spec: Object) -> bool:
    return not any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC"))


def nothing_privileged(spec: Object) -> bool:
    return not any(context.get("privileged") for context in contexts(spec))


def all_capabilities_dropped_and_none_added(spec: Object) -> bool:
    return all(
        "ALL" in c.get("securityContext", {}).get("capabilities", {}).get("drop", ())
        and set(c["securityContext"]["capabilities"].get("add", ())) <= {"NET_BIND_SERVICE"}
        for c in containers(spec)
    )


def only_volumes_that_are_safe(spec: Object) -> bool:
    return all(set(each) - {"name"} <= VOLUMES for each in spec.get("volumes", ()))


def no_host_ports(spec: Object) -> bool:
    return not any(port.get("hostPort") for c in containers(spec) for port in c.get("ports", ()))


def no_host_in_probes(spec: Object) -> bool:
    probes = [
        c.get(kind, {})
        for c in containers(spec)
        for kind in ("startupProbe", "livenessProbe", "readinessProbe")
    ] + [hook for c in containers(spec) for hook in c.get("lifecycle", {}).values()]
    return not any(p.get(way, {}).get("host") for p in probes for way in ("httpGet", "tcpSocket"))


def no_other_apparmor(spec: Object) -> bool:
    return all(c.get("appArmorProfile", {}).get("type") in APPARMOR for c in contexts(spec))


def no_other_selinux(spec: Object) -> bool:
    options = [context.get("seLinuxOptions", {}) for context in contexts(spec)]
    return all(
        each.get("type") in SELINUX and not each.get("user") and not each.get("role")
        for each in options
    )


def the_default_proc_mount(spec: Object) -> bool:
    return all(context.get("procMount") in {None, "Default"} for context in contexts(spec))


def a_seccomp_profile(spec: Object) -> bool:
    found = effective(spec, "seccompProfile")
    return all(isinstance(each, dict) and each.get("type") in PROFILES for each in found)


def only_safe_sysctls(spec: Object) -> bool:
    sysctls = spec.get("securityContext", {}).get("sysctls", ())
    return all(each["name"] in SYSCTLS for each in sysctls)


def no_escalation(spec: Object) -> bool:
    found = [c.get("securityContext", {}) for c in containers(spec)]
    return all(each.get("allowPrivilegeEscalation") is False for each in found)


def nobody_is_root(spec: Object) -> bool:
    return all(each is True for each in effective(spec, "runAsNonRoot")) and all(
        context.get("runAsUser") != 0 for context in contexts(spec)
    )


# Beyond the profile.
def a_root_that_cannot_be_written(spec: Object) -> bool:
    return all(each is True for each in effective(spec, "readOnlyRootFilesystem"))


def no_token(spec: Object) -> bool:
    return spec.get("automountServiceAccountToken") is False


def a_limit_to_what_is_written(spec: Object) -> bool:
    return all(
        "sizeLimit" in each["emptyDir"] for each in spec.get("volumes", ()) if "emptyDir" in each
    )


CONTROLS: dict[Callable[[Object], bool], Object] = {  # each with what it must refuse
    no_host_process: {"securityContext": {"windowsOptions": {"hostProcess": True}}},
    no_host_namespaces: {"hostPID": True},
    nothing_privileged: {"containers": [{"securityContext": {"privileged": True}}]},
    all_capabilities_dropped_and_none_added: {
        "containers": [
            {"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["SYS_TIME"]}}}
        ]
    },
    only_volumes_that_are_safe: {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]},
    no_host_ports: {"containers": [{"ports": [{"hostPort": 80}]}]},
    no_host_in_probes: {"containers": [{"livenessProbe": {"httpGet": {"host": "10.0.0.1"}}}]},
    no_other_apparmor: {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
    no_other_selinux: {"securityContext": {"seLinuxOptions": {"user": "system_u"}}},
    the_default_proc_mount: {"containers": [{"securityContext": {"procMount": "Unmasked"}}]},
    a_seccomp_profile: {
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"securityContext": {"seccompProfile": {"type": "Unconfined"}}}],
    },
    only_safe_sysctls: {"securityContext": {"sysctls": [{"name": "kernel.msgmax"}]}},
    no_escalation: {"containers": [{}]},
    nobody_is_root: {
        "securityContext": {"runAsNonRoot": True},
        "containers": [{"securityContext": {"runAsUser": 0}}],
    },
    a_root_that_cannot_be_written: {"containers": [{}]},
    no_token: {},
    a_limit_to_what_is_written: {"volumes": [{"name": "tmp", "emptyDir": {}}]},
}


@pytest.mark.parametrize("control", CONTROLS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", charting.EXAMPLES)
def test_every_pod_keeps_each_control_of_restricted_pod_security(
    name: str, control: Callable[[Object], bool]
) -> None:
    found = {what: control(spec) for what, _, spec in charting.pods(charting.rendered(name))}
    assert len(found) > len(SERVICES)
    assert {what for what, kept in found.items() if not kept} == set()


@pytest.mark.parametrize("control", CONTROLS, ids=lambda each: each.__name__)
def test_each_control_refuses_what_it_is_there_for(control: Callable[[Object], bool]) -> None:
    assert not control(CONTROLS[control])


def test_every_service_has_an_account_of_its_own_without_a_token() -> None:
    objects = charting.rendered()
    accounts = charting.of_kind(objects, "ServiceAccount")
    assert all(each["automountServiceAccountToken"] is False for each in accounts)
    used = {
        spec["serviceAccountName"]
        for what, _, spec in charting.pods(objects)
        if what.startswith("Deployment")
    }
    assert used == {each["metadata"]["name"] for each in accounts}
    assert len(used) == len(charting.of_kind(objects, "Deployment"))
    assert charting.of_kind(objects, "Role", "RoleBinding", "ClusterRole") == []
