"""Kafka's jars: resolved by Maven once, checked against ``jars.sha512`` every time."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from deploy.local import cache

HERE = Path(__file__).parent
CHECKSUMS = HERE / "jars.sha512"
JAVA_AT_LEAST = 17
_VERSION = re.compile(r'version "(\d+)')


class JavaMissingError(Exception):
    """There is no Java new enough, or no Maven."""


class WrongJarsError(Exception):
    """What Maven brought, or what lies in the cache, is not what jars.sha512 names."""


def java() -> Path:
    """Java 17 or newer: ``$JAVA_HOME/bin/java`` if that is set, else the first on the PATH."""
    home = os.environ.get("JAVA_HOME")
    found = Path(home) / "bin" / "java" if home else shutil.which("java")
    need = f"Kafka needs Java {JAVA_AT_LEAST} or newer"
    if found is None or not Path(found).exists():
        where = f"JAVA_HOME={home} has no bin/java" if home else "there is no java on the PATH"
        raise JavaMissingError(
            f"{need}, but {where}. On Debian: apt-get install default-jre-headless"
        )
    run = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)
    version = _VERSION.search(run.stderr)
    if version is None or int(version[1]) < JAVA_AT_LEAST:
        raise JavaMissingError(f"{need}, but {found} is: {run.stderr.strip() or 'silent'}")
    return Path(found)


def prepare() -> Path:
    """Have Maven fill the folder of jars if there is none; say so, since it takes a while."""
    libs = cache.folder() / "kafka-4.3.1"
    if not libs.exists():
        with cache.locked(cache.folder() / "kafka.lock"):
            if not libs.exists():
                _fetch(libs)
    return libs


def resolve() -> list[Path]:
    """The jars of the broker, in the order of their names, checked."""
    libs = prepare()
    wanted = _wanted()
    verify(libs, wanted)
    return [libs / name for name in sorted(wanted)]


def verify(libs: Path, wanted: dict[str, str]) -> None:
    """Raise WrongJarsError unless the folder holds exactly these jars with these SHA-512 sums."""
    there = {path.name for path in libs.glob("*.jar")}
    if there != wanted.keys():
        raise WrongJarsError(
            f"{libs} should hold the jars that {CHECKSUMS.name} names; "
            f"missing {sorted(wanted.keys() - there)}, not named {sorted(there - wanted.keys())}. "
            f"Remove the folder and try again."
        )
    for name, checksum in wanted.items():
        actual = checksum_of(libs / name)
        if actual != checksum:
            raise WrongJarsError(
                f"{libs / name} has SHA-512 {actual}, but {CHECKSUMS.name} says {checksum}. "
                f"Remove the folder and try again; if it stays, the jar was tampered with."
            )


def checksum_of(path: Path) -> str:
    """SHA-512 of a file, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha512").hexdigest()


def write_checksums() -> int:
    """Resolve afresh and write down what came; returns how many. For a new version of Kafka."""
    with tempfile.TemporaryDirectory() as folder:
        libs = Path(folder) / "libs"
        _maven(libs)
        jars = sorted(libs.glob("*.jar"))
        CHECKSUMS.write_text("".join(f"{checksum_of(jar)}  {jar.name}\n" for jar in jars))
        return len(jars)


def _wanted() -> dict[str, str]:
    pairs = (line.split() for line in CHECKSUMS.read_text().splitlines())
    return {name: checksum for checksum, name in pairs}


def _fetch(libs: Path) -> None:
    """Fill the folder through a temporary one, so that it is there whole or not at all."""
    cache.say("Kafka 4.3.1: Maven resolves its jars (45 MB, once) ...")
    with tempfile.TemporaryDirectory(dir=libs.parent) as folder:
        fresh = Path(folder) / "libs"
        _maven(fresh)
        verify(fresh, _wanted())
        fresh.rename(libs)


def _maven(libs: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise JavaMissingError("Maven brings Kafka's jars, but there is no mvn on the PATH.")
    goals = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={libs}"]
    run = subprocess.run(
        [maven, "--batch-mode", "--quiet", "--file", str(HERE / "pom.xml"), *goals],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if run.returncode:
        raise WrongJarsError(f"Maven could not resolve Kafka's jars:\n{run.stdout.strip()}")
