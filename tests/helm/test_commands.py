"""The small programs that the chart and its guide carry do what they are there for."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.helm import charting

pytestmark = pytest.mark.charts

PLACE = "/tmp/files"  # noqa: S108 - in a pod of its own


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503 if "away" in self.path else 200)
        self.end_headers()
        self.wfile.write(b'{"status": "as asked"}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_helm_test_asks_every_service_and_fails_where_one_is_not_ready(address: str) -> None:
    objects = charting.rendered()
    [pod] = charting.of_kind(objects, "Pod")
    [container] = pod["spec"]["containers"]
    services = charting.of_kind(objects, "Service")
    assert container["args"] == [
        f"http://{each['metadata']['name']}:8000/readyz" for each in services
    ]
    _, *rest = container["command"]

    def run(*paths: str) -> subprocess.CompletedProcess[str]:
        asked = [f"{address}/{path}" for path in paths]
        return subprocess.run(
            [sys.executable, *rest, *asked], text=True, capture_output=True, check=False
        )

    good = run("readyz", "readyz")
    assert good.returncode == 0
    assert good.stdout.count("as asked") == 2
    assert run("readyz", "away").returncode != 0


def test_files_reach_a_pod_that_has_neither_shell_nor_tar(tmp_path: Path) -> None:
    guide = charting.ROOT / "docs" / "operations" / "kubernetes.md"
    [program] = re.findall(r"python -c '(import sys, tarfile;[^']*)'", guide.read_text("utf-8"))
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "partners.csv").write_text("Hub ID\n1001\n")
    there = tmp_path / "there"
    packed = subprocess.run(
        ["tar", "c", "-C", str(tmp_path / "here"), "."], capture_output=True, check=True
    )
    subprocess.run(
        [sys.executable, "-c", program.replace(PLACE, str(there))],
        input=packed.stdout,
        check=True,
    )
    assert (there / "partners.csv").read_text() == "Hub ID\n1001\n"
