"""The chart, linted and rendered by the real Helm, and what Kubernetes says to the result."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema  # type: ignore[import-untyped]  # none are there
import yaml
from referencing import Registry, Resource

from deploy.local import cache as shared_cache

Object: TypeAlias = dict[str, Any]

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "partner-tools"
EXAMPLES = sorted(path.stem.removesuffix("-values") for path in (CHART / "ci").glob("*.yaml"))
KUBERNETES = ("1.35.0", "1.36.0", "1.37.0")  # those that its makers support
HELM = "helm.sh/helm/v3/cmd/helm@v3.22.0"
CRDS = {  # modules that carry the definitions of custom resources, and where
    "github.com/kedacore/keda/v2@v2.21.0": "config/crd/bases",
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": "example/prometheus-operator-crd",
}


@cache
def helm() -> str:
    """Helm of the version that we mean; built at the first time, which takes minutes."""
    folder = shared_cache.folder() / HELM.rpartition("/")[2].replace("@", "-")
    with shared_cache.locked(folder.with_suffix(".lock")):
        if not (folder / "helm").exists():
            shared_cache.say(f"Building {HELM} (once; takes minutes) ...")
            _go("install", HELM, GOBIN=str(folder))
    return str(folder / "helm")


def _go(*arguments: str, **environment: str) -> str:
    go = shutil.which("go")
    assert go, "Go is not on the PATH: these tests build Helm with it"
    done = subprocess.run(
        [go, *arguments],
        env=os.environ | environment,
        cwd="/",
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def example(name: str) -> Path:
    """An example's values."""
    return CHART / "ci" / f"{name}-values.yaml"


def run(command: str, *arguments: str, values: Object | None = None) -> tuple[int, str]:
    """Run Helm; give its exit code and all that it said. ``values`` come last."""
    done = subprocess.run(
        [helm(), *command.split(), *arguments, *(["-f", "-"] if values else [])],
        input=json.dumps(values) if values else None,
        text=True,
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def template(*arguments: str, values: Object | None = None) -> tuple[int, str]:
    """Render for the newest Kubernetes, as the release `demo` in the namespace `renewals`."""
    named = ("demo", str(CHART), "--namespace", "renewals", "--kube-version", KUBERNETES[-1])
    return run("template", *named, *arguments, values=values)


def rendered(
    name: str = "small", values: Object | None = None, *arguments: str
) -> tuple[Object, ...]:
    """The objects that an example makes, with some values changed."""
    return _rendered(name, json.dumps(values) if values else "", arguments)


@cache
def _rendered(name: str, values: str, arguments: tuple[str, ...]) -> tuple[Object, ...]:
    changed = json.loads(values) if values else None
    code, text = template("-f", str(example(name)), *arguments, values=changed)
    assert code == 0, text
    return read(text)


def read(text: str) -> tuple[Object, ...]:
    """The objects that a text holds."""
    return tuple(each for each in yaml.load_all(text, yaml.CSafeLoader) if each)


def refusal(values: Object) -> str:
    """What Helm says to the small example with values that it should refuse."""
    code, text = template("-f", str(example("small")), values=values)
    assert code != 0, f"these values were taken: {values}"
    return text


def of_kind(objects: tuple[Object, ...], *kinds: str) -> list[Object]:
    """Those of some kinds."""
    return [each for each in objects if each["kind"] in kinds]


def pods(objects: tuple[Object, ...]) -> Iterator[tuple[str, Object, Object]]:
    """Each pod that there would be: what makes it, its metadata and its spec."""
    for each in objects:
        name = f"{each['kind']} {each['metadata']['name']}"
        if each["kind"] == "Pod":
            yield name, each["metadata"], each["spec"]
        elif each["kind"] in ("Deployment", "Job", "StatefulSet", "DaemonSet", "CronJob"):
            made = each["spec"]["template"]
            yield name, made["metadata"], made["spec"]


def environment(spec: Object) -> dict[str, str]:
    """The variables of a pod's container."""
    return {each["name"]: each["value"] for each in spec["containers"][0]["env"]}


@cache
def schemas() -> Path:
    """The folder of the schemas of Kubernetes, as `kubernetes-validate` brings them."""
    wanted = Path(__file__).with_name("requirements.txt")
    [version] = [line for line in wanted.read_text().splitlines() if "validate==" in line]
    folder = shared_cache.folder() / version.split()[0].replace("==", "-")
    with shared_cache.locked(folder.with_suffix(".lock")):
        if not (folder / "ready").exists():
            uv = Path(sys.executable).with_name("uv")
            install = f"{uv} pip install --quiet --require-hashes --no-deps".split()
            subprocess.run([*install, "--target", folder, "-r", wanted], check=True)
            (folder / "ready").touch()
    return folder / "kubernetes_validate" / "kubernetes-json-schema"


@cache
def _registry(version: str) -> Registry[Any]:
    text = (schemas() / f"v{version}-local-strict" / "_definitions.json").read_text("utf-8")
    found: Registry[Any] = Resource.from_contents(json.loads(text)) @ Registry()
    return found


@cache
def _validator(version: str, kind: str, api: str) -> Any:
    """For a kind of Kubernetes' own; strict: what it does not know it refuses."""
    group, _, number = api.rpartition("/")
    named = f"{group.partition('.')[0]}-{number}" if group else number
    path = schemas() / f"v{version}-local-strict" / f"{kind.lower()}-{named}.json"
    assert path.exists(), f"Kubernetes {version} has no {api} {kind}"
    return jsonschema.Draft202012Validator(
        json.loads(path.read_text("utf-8")), registry=_registry(version)
    )


@cache
def definitions() -> dict[tuple[str, str], Any]:
    """A validator of each version of each custom resource, by its version and kind; strict."""
    found = {}
    for module, where in CRDS.items():
        folder = json.loads(_go("mod", "download", "-json", module))["Dir"]
        for path in Path(folder, where).glob("*.yaml"):
            text = path.read_text("utf-8")
            if "kind: CustomResourceDefinition" not in text or not _is_used(path):
                continue
            crd = yaml.load(text, yaml.CSafeLoader)["spec"]
            for version in crd["versions"]:
                schema = _strict(version["schema"]["openAPIV3Schema"])
                api = f"{crd['group']}/{version['name']}"
                found[api, crd["names"]["kind"]] = jsonschema.Draft202012Validator(schema)
    return found


def _is_used(path: Path) -> bool:
    used = ("scaledobjects", "triggerauthentications", "podmonitors", "prometheusrules")
    return path.stem.endswith(used)


def _strict(schema: Any) -> Any:
    """As the API server with `fieldValidation: Strict`: refuse what is not known."""
    if not isinstance(schema, dict):
        return schema
    strict = {
        key: (
            {name: _strict(each) for name, each in value.items()}
            if key == "properties"
            else _strict(value)
        )
        for key, value in schema.items()
    }
    open_to_all = schema.get("x-kubernetes-preserve-unknown-fields") or "format" in schema
    if schema.get("properties") and "additionalProperties" not in schema and not open_to_all:
        strict["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string"):
        strict.pop("type", None)
    return strict


def complaints(version: str, each: Object) -> list[str]:
    """What a version of Kubernetes has against an object."""
    kind, api = each["kind"], each["apiVersion"]
    domain = api.split("/")[0] if "/" in api else ""
    if "." in domain and not domain.endswith("k8s.io"):
        judge = definitions()[api, kind]
        if "metadata" in each:  # a definition says nothing of it
            each = each | {"metadata": {}}
    else:
        judge = _validator(version, kind, api)
    return [f"{error.json_path}: {error.message}" for error in judge.iter_errors(each)]
