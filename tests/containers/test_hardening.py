"""What each running container is allowed, as Docker says it and as seen from inside."""

import re

from tests.containers.stack import Stack, docker, run

FORTY_FIVE = 45


def test_docker_runs_every_container_fenced_in(stack: Stack) -> None:
    found = stack.containers()
    assert len(found) == 10
    for name, container in found.items():
        host, user = container["HostConfig"], container["Config"]["User"]
        assert user not in ("", "root", "0"), name
        assert not user.startswith("0:"), name
        assert host["ReadonlyRootfs"] is True, name
        assert host["CapDrop"] == ["ALL"], name
        assert not host["CapAdd"], name
        assert host["Privileged"] is False, name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
        assert host["Memory"] > 0, name
        assert host["NanoCpus"] > 0, name
        assert 0 < host["PidsLimit"] <= 512, name
        assert container["Config"]["StopTimeout"] == FORTY_FIVE, name
        for bindings in (container["NetworkSettings"]["Ports"] or {}).values():
            assert all(each["HostIp"] == "127.0.0.1" for each in bindings or []), name


def test_inside_no_container_is_root_has_a_capability_or_can_write_its_root(stack: Stack) -> None:
    for name, container in stack.containers().items():
        identity = container["Id"]
        status = docker("exec", identity, "cat", "/proc/1/status")
        uids = set(re.findall(r"\d+", re.findall(r"Uid:(.*)", status)[0]))
        assert "0" not in uids, name
        assert set(re.findall(r"Cap(?:Prm|Eff|Bnd|Amb):\s*(\w+)", status)) == {"0" * 16}, name
        assert re.search(r"NoNewPrivs:\s*1", status), name
        places = [f"{each}/written" for each in ("", "/etc", "/usr/local/bin", "/opt")]
        tried = run("docker", "exec", "--user", "0", identity, "touch", *places)
        assert tried.stderr.count("ead-only") == len(places), f"{name}: {tried.stderr}"


def test_no_service_can_read_the_secrets_of_another(stack: Stack) -> None:
    for service in ("clients", "dashboard"):
        seen = stack.compose("exec", "-T", service, "ls", "/run/secrets").stdout.split()
        assert f"{service}_database_url" in seen
        assert all(each.startswith(service) for each in seen), seen
        assert not any("owner" in each for each in seen), seen


def test_two_systems_have_no_secret_in_common(stack: Stack) -> None:
    """Nothing that lets somebody in is in the images or in the repository."""
    password = stack.secret("postgres", "postgres_password")
    assert len(password) >= 32
    tracked = run("git", "grep", "--fixed-strings", password, cwd=stack.folder)
    assert tracked.returncode == 1
    key = stack.secret("dashboard", "dashboard_session_key")
    assert key != stack.secret("webhooks", "webhooks_secrets_key")
