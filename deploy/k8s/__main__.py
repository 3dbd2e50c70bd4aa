"""``python -m deploy.k8s`` writes manifests, and the table of rights, from topics and grants."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.grants import SERVICES, grants, table
from deploy.k8s import cnpg_manifests, strimzi_manifests
from shared.contracts import topics

HERE: Final = Path(__file__).parent
PAGE: Final = HERE.parents[1] / "docs" / "operations" / "kafka.md"
_BEGIN, _END = "<!-- rights: made by `make manifests` -->", "<!-- end of rights -->"
_MADE: Final = "# Made by `make manifests`; what is changed here is lost.\n"


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # PyYAML has no types
    """Lists are indented under what they belong to, and nothing is said by reference."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - whatever it is
        return True


def manifests() -> Iterator[tuple[Path, str]]:
    """Each file, and what it should hold."""
    strimzi, cnpg = HERE / "strimzi", HERE / "cnpg"
    yield strimzi / "topics.yaml", _text(strimzi_manifests.topics(topics.REGISTRY))
    yield strimzi / "users.yaml", _text(strimzi_manifests.users(grants()))
    yield cnpg / "cluster.yaml", _text([cnpg_manifests.cluster(SERVICES)])
    yield cnpg / "databases.yaml", _text(cnpg_manifests.databases(SERVICES))
    yield PAGE, _with_table(PAGE.read_text())


def _with_table(page: str) -> str:
    before, _, rest = page.partition(_BEGIN)
    rows = "\n".join(table(grants()))
    return f"{before}{_BEGIN}\n{rows}\n{_END}{rest.partition(_END)[2]}"


def _text(documents: Iterable[dict[str, Any]]) -> str:
    made: str = yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, explicit_start=True, width=100
    )
    return _MADE + made


if __name__ == "__main__":
    for path, text in manifests():
        path.write_text(text)
        print(path.relative_to(HERE.parents[1]))
