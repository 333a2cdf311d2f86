"""A report on the terminal: figures to standard output, progress to standard error."""

import sys
import time
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from tests.bench.measure import Ratio, shown
from tests.bench.report import Claim, Findings, Report, Table

WIDTH = 132

out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
err = Console(stderr=True, highlight=False)

_began = time.monotonic()


def progress(line: str) -> None:
    err.print(f"[dim]{time.monotonic() - _began:6.0f} s  {escape(line)}[/dim]")


def show_findings(findings: Findings) -> None:
    for table in findings.tables:
        if not table.rows:
            continue
        out.print(_table(table))
        for note in table.notes:
            out.print(f"  {escape(note)}", style="dim")
        out.print()


def show_summary(report: Report) -> None:
    table = RichTable(title="Claims", title_justify="left", title_style="bold", min_width=60)
    for name in ("what", "found (lowest to highest)", "aim", ""):
        table.add_column(name)
    for findings in report.findings:
        for claim in findings.claims:
            table.add_row(*_claim_cells(claim))
    if table.row_count:
        out.print(table)
        out.print(
            "  Lowest and highest: of the rounds of this run, or of its conversations.", style="dim"
        )
        out.print()
    _show_facts("Machine", report.machine)
    _show_facts("Versions", report.versions)
    _show_facts("Data (sha256)", report.data)
    out.print(f"Took {report.seconds:.0f} s{', quick: figures are coarse' * report.quick}.")


def _claim_cells(claim: Claim) -> list[str]:
    verdict = {True: "[green]met[/green]", False: "[red]missed[/red]", None: ""}[claim.met]
    return [escape(claim.what), f"{claim.found} {claim.unit}", claim.aim, verdict]


def _table(table: Table) -> RichTable:
    rich = RichTable(title=table.title, title_justify="left", title_style="bold")
    columns = list(dict.fromkeys(name for row in table.rows for name in row))
    for index, name in enumerate(columns):
        heading = name.replace("_", " ")
        if index:
            rich.add_column(heading, justify="right", overflow="fold")
        else:
            rich.add_column(heading, no_wrap=True)
    for row in table.rows:
        rich.add_row(*(_cell(row.get(name)) for name in columns))
    return rich


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case float():
            return shown(value)
        case int() if not isinstance(value, bool):
            return f"{value:,}"
        case Ratio():
            return str(value)
        case _:
            return escape(str(value))


def _show_facts(title: str, facts: dict[str, Any]) -> None:
    if facts:
        said = ", ".join(f"{name} {value}" for name, value in facts.items())
        out.print(f"[bold]{title}[/bold]  {escape(said)}")
