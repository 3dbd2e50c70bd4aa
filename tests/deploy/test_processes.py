"""Children that never outlive who started them."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from deploy.local import ports, processes

STUBBORN = "import signal,time;signal.signal(signal.SIGTERM,signal.SIG_IGN);print('up',flush=True)"
SLEEP = "import time;time.sleep(60)"


def until(condition: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_process_that_ignores_the_request_to_end_is_ended_after_its_grace(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    child = processes.start([sys.executable, "-c", f"{STUBBORN};{SLEEP}"], log=log)
    until(lambda: "up" in log.read_text())

    code = processes.stop(child, grace=0.3)

    assert code == -signal.SIGKILL


def test_a_grandchild_is_ended_with_its_parent(tmp_path: Path) -> None:
    log = tmp_path / "log"
    spawn = f"import subprocess,sys;p=subprocess.Popen([sys.executable,'-c','{SLEEP}'])"
    child = processes.start(
        [sys.executable, "-c", f"{spawn};print(p.pid,flush=True);p.wait()"], log=log
    )
    until(lambda: log.read_text().endswith("\n"))
    grandchild = psutil.Process(int(log.read_text()))

    processes.stop(child, grace=5)

    until(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux's kernel")
def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    program = (
        "import sys,time;from deploy.local import processes;"
        f"print(processes.start([sys.executable,'-c','{SLEEP}']).pid,flush=True);time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()

    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_what_ends_while_it_starts_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = processes.start(
        [sys.executable, "-c", "print('no such setting');raise SystemExit(3)"], log=log
    )

    with pytest.raises(processes.NotStartedError, match=r"(?s)ended with 3.*no such setting"):
        processes.wait_until(lambda: False, child, name="It", log=log, timeout=10)


def test_what_never_answers_is_ended(tmp_path: Path) -> None:
    child = processes.start([sys.executable, "-c", SLEEP])

    with pytest.raises(processes.NotStartedError, match="did not answer within 0 s"):
        processes.wait_until(lambda: False, child, name="It", log=None, timeout=0.2)

    assert child.poll() == -signal.SIGKILL


def test_a_taken_port_is_named_with_the_setting_that_changes_it() -> None:
    import socket

    with socket.create_server((ports.LOOPBACK, 0)) as holder:
        port = holder.getsockname()[1]

        with pytest.raises(ports.PortTakenError, match=f"Kafka needs port {port}.*LOCAL_KAFKA_P"):
            ports.require_free("Kafka", port, "LOCAL_KAFKA_PORT")

    ports.require_free("Kafka", port, "LOCAL_KAFKA_PORT")
