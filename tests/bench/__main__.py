"""`python -m tests.bench [names] [--data PATH] [--json FILE] [--quick]`: what `make bench` runs."""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

THREADS = "2"
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, THREADS)  # before numpy is imported

import uvloop  # noqa: E402

from tests.bench import report, terminal  # noqa: E402
from tests.bench.measure import Progress  # noqa: E402
from tests.bench.noise import Noise  # noqa: E402
from tests.bench.options import Options  # noqa: E402
from tests.bench.report import Findings, Report  # noqa: E402
from tests.bench.world import World, open_world  # noqa: E402

BENCHES = (
    *("added_time", "streaming", "slow_streams", "exact_hit", "walls"),
    *("remember", "recall", "storage", "evidence", "peers", "ingest"),
    *("million", "tune", "facts"),
)
ON_REQUEST = ("evidence", "peers", "million", "tune", "facts")
"""They need a data set; `million` takes half an hour, `tune` changes nothing by itself, `peers`
installs others' programs into environments of their own, `facts` asks the bundled engine."""

BY_NAME = ("ingest",)
"""What takes minutes and leaves much behind."""

Bench = Callable[[World, Options, Progress], Coroutine[Any, Any, Findings]]


def main() -> None:
    names, options, json_path = _read_arguments()
    found = _run(names, options)
    terminal.show_summary(found)
    terminal.progress(f"written to {report.write(found, json_path)}")


def _run(names: list[str], options: Options) -> Report:
    started_at, began = datetime.now(UTC), time.monotonic()
    machine, versions = report.machine(), report.versions()
    noise, findings = Noise(), []
    terminal.progress("starting the service, its Postgres, an engine and a peer")
    with open_world() as world:
        uvloop.run(world.until_loaded())
        for name in names:
            terminal.progress(f"{name} begins")
            found = uvloop.run(_bench(name)(world, options, _progress_of(name)))
            terminal.show_findings(found)
            findings.append(found)
        machine["used_by_others"] = round(noise.share(), 2)
    return Report(
        started_at=started_at,
        seconds=time.monotonic() - began,
        quick=options.quick,
        machine=machine,
        versions=versions,
        data=report.data_hashes(options.data),
        findings=findings,
    )


def _bench(name: str) -> Bench:
    bench: Bench = importlib.import_module(f"tests.bench.{name}").run
    return bench


def _progress_of(name: str) -> Progress:
    return lambda line: terminal.progress(f"{name}: {line}")


def _read_arguments() -> tuple[list[str], Options, Path | None]:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}")
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="a data set of evidence recall (.jsonl.gz), or a folder of them",
    )
    parser.add_argument(
        "--memories", type=int, metavar="N", help="of the large project of million (1,000,000)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="instead of bench-results/")
    parser.add_argument("--quick", action="store_true", help="coarse, for developing")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHES):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}")
    data = [file for path in arguments.data for file in _data_files(path)]
    wanted = {*BENCHES} - {*ON_REQUEST, *BY_NAME} | ({"evidence"} if data else set())
    names = arguments.names or [name for name in BENCHES if name in wanted]
    if not data and (without := [name for name in ON_REQUEST if name in names]):
        parser.error(f"{without[0]} needs --data PATH")
    options = Options(quick=arguments.quick, data=data, large=arguments.memories)
    return names, options, arguments.json


def _data_files(path: Path) -> list[Path]:
    files = sorted(path.glob("*.jsonl.gz")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        sys.exit(f"{path}: no data set (.jsonl.gz) is there.")
    return files


if __name__ == "__main__":
    main()
