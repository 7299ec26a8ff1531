"""Write a CycloneDX SBOM beside the built files: ``sbom.py dist/NAME.whl dist/NAME.tar.gz``.

It names what an install brings at run time, at the versions that were tested: the packages of
``requirements-run.lock`` that the project itself asks for, and theirs. Licences come from the installed metadata.
The same lock and the same files give the same bytes.
"""

import hashlib
import importlib.metadata
import json
import os
import re
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-run.lock"
PROJECT = "otel-perf"

PIN = re.compile(r"^(?P<name>[a-z0-9.-]+)==(?P<version>\S+?)(?: ; (?P<marker>.+?))? \\$")
HASH = re.compile(r"^    --hash=sha256:(?P<digest>[0-9a-f]{64})")
# "# via name" or "#   name"; a name in brackets after the project is a file, and after a colon a development group.
VIA = re.compile(r"^    #(?: via|  ) +(?P<name>[a-z0-9.-]+)(?: \(pyproject\.toml(?P<group>:[a-z]+)?\))?$")


@dataclass
class Pin:
    """One package of the lock: who asked for it, and the digests of all its files."""

    name: str
    version: str
    marker: str | None
    digests: list[str] = field(default_factory=list)
    wanted_by: list[str] = field(default_factory=list)

    @property
    def purl(self) -> str:
        """Package URL, which is how a scanner knows it."""
        return f"pkg:pypi/{self.name}@{self.version}"


def read_lock(text: str) -> dict[str, Pin]:
    """The packages of a lock by name; who only develops with a package does not count as asking for it."""
    pins: dict[str, Pin] = {}
    pin: Pin | None = None
    for line in text.splitlines():
        if found := PIN.match(line):
            pin = pins[found["name"]] = Pin(found["name"], found["version"], found["marker"])
        elif pin is None:
            continue
        elif found := HASH.match(line):
            pin.digests.append(found["digest"])
        elif (found := VIA.match(line)) and not found["group"]:
            pin.wanted_by.append(found["name"])
    return pins


def at_run_time(pins: dict[str, Pin]) -> list[Pin]:
    """The packages that can be reached from the project, by name."""
    reached = {PROJECT}
    while more := {pin.name for pin in pins.values() if reached & {*pin.wanted_by}} - reached:
        reached |= more
    return sorted((pins[name] for name in reached - {PROJECT}), key=lambda pin: pin.name)


def licences(package: str) -> list[dict[str, Any]]:
    """What the installed package says of its licence; nothing when it is not installed or says nothing."""
    try:
        metadata = importlib.metadata.metadata(package)
    except importlib.metadata.PackageNotFoundError:
        return []
    if "License-Expression" in metadata:
        return [{"expression": metadata["License-Expression"]}]
    classifiers = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License :: ")]
    names = {line.rsplit(" :: ", 1)[1] for line in classifiers} - {"OSI Approved"}
    if not names and "License" in metadata and "\n" not in metadata["License"]:
        names = {metadata["License"]}
    return [{"license": {"name": name}} for name in sorted(names)]


def component(pin: Pin) -> dict[str, Any]:
    """A package as CycloneDX has it. Each platform has a file of its own, so digests are properties, not `hashes`."""
    properties = [{"name": "lock:sha256", "value": digest} for digest in pin.digests]
    if pin.marker:
        properties.append({"name": "lock:marker", "value": pin.marker})
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "purl": pin.purl,
        "properties": properties,
    }
    if known := licences(pin.name):
        found["licenses"] = known
    return found


def dependencies(root: str, pins: list[Pin]) -> Iterator[dict[str, Any]]:
    """Who needs whom, the project first."""
    for name, reference in [(PROJECT, root), *((pin.name, pin.purl) for pin in pins)]:
        yield {"ref": reference, "dependsOn": [pin.purl for pin in pins if name in pin.wanted_by]}


def sbom(version: str, files: list[Path], pins: list[Pin], made_at: datetime) -> dict[str, Any]:
    """The whole document."""
    root = f"pkg:pypi/{PROJECT}@{version}"
    digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    identity = json.dumps([root, digests, [[pin.purl, pin.digests] for pin in pins]])
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, identity)}",
        "version": 1,
        "metadata": {
            "timestamp": made_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "library",
                "bom-ref": root,
                "name": PROJECT,
                "version": version,
                "purl": root,
                "licenses": [{"expression": "Apache-2.0"}],
                "properties": [{"name": f"file:sha256:{name}", "value": digest} for name, digest in digests.items()],
            },
        },
        "components": [component(pin) for pin in pins],
        "dependencies": list(dependencies(root, pins)),
    }


def main() -> None:
    """Write the document beside the files."""
    files = sorted(Path(name) for name in sys.argv[1:])
    wheel = next(file for file in files if file.suffix == ".whl")
    version = wheel.name.split("-")[1]
    made_at = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    pins = at_run_time(read_lock(LOCK.read_text(encoding="utf-8")))
    document = sbom(version, files, pins, made_at)
    target = wheel.parent / f"otel_perf-{version}.cdx.json"
    target.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
