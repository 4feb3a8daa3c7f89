"""Verdict on the published claims and on our own targets: `python -m experiments.compare`.

Prints one line per claim and target (pass, fail, not run) and writes `figures/tables/verdict.csv` and `.md`.
A missed target is a `fail` in the table and no error, and so is a number that a run was asked for and could
not give; a table cell that neither the stored results nor the claims file gives is an error.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.claims import Claim, Claims, Target, load_claims
from experiments.errors import reported
from experiments.files import DataFileError, csv_text, save_csv, save_text
from experiments.results import Cell, Row, table_rows
from experiments.tables import TABLE_FOLDER, csv_columns, csv_lines, markdown


class Verdict(NamedTuple):
    """What was asked of a method and what it reached; the fields are the columns of the written table."""

    system: str
    method: str
    metric: str
    asked: str
    at_most: float | None
    ours: float | None
    ours_se: float | None
    verdict: str


def verdicts(claims: Claims, tables: Mapping[str, Sequence[Row]]) -> list[Verdict]:
    """One verdict per claim, then one per target of every system and budget, in the order of the claims file;
    `tables`: system -> rows.
    """
    targets = [target for name in claims.systems for target in claims.targets_for(name)]
    return [
        *(_claim_verdict(claim, claims, tables.get(claim.system, [])) for claim in claims.claims),
        *(target_verdict(target, tables.get(target.system, [])) for target in targets),
    ]


def tables_of_all(claims: Claims, *, root: Path) -> dict[str, list[Row]]:
    """The rows of every system that has been run, and of every budget of it, by name."""
    return {name: table_rows(name, root=root, claims=claims) for name, run in claims.systems.items() if run}


def check_sources(system: str, rows: Sequence[Row], *, root: Path) -> None:
    """Raise `DataFileError` for the first cell of the written table that is not what its source gives."""
    path = root / TABLE_FOLDER / f"{system}.csv"
    if not path.is_file():
        raise DataFileError(f"{path}: no such file; run `python -m experiments.tables {system}`")
    found = _lines(path.read_text(encoding="utf-8"))
    expected = _lines(csv_text(csv_lines(rows), columns=csv_columns(rows)))
    methods = [line.get("method") for line in expected]
    for line in found:
        if line.get("method") not in methods:
            raise DataFileError(f"{path}: row {line.get('method')}: has no source")
    if [line.get("method") for line in found] != methods:
        raise DataFileError(f"{path}: its sources give the rows {', '.join(methods)}")
    for line, source in zip(found, expected, strict=True):
        for name in line | source:
            if line.get(name) != source.get(name):
                raise DataFileError(
                    f"{path}: row {source['method']}: {name}: "
                    f"{line.get(name)!r} has no source; the stored results give {source.get(name)!r}"
                )


def printed_verdicts(found: Sequence[Verdict]) -> str:
    """The verdicts as a Markdown table."""
    lines = [
        [
            v.verdict,
            v.system,
            v.method,
            v.metric,
            v.asked,
            _short(v.at_most),
            _short(v.ours),
            _short(v.ours_se),
        ]
        for v in found
    ]
    header = ["verdict", "system", "method", "metric", "asked", "at most", "ours", "standard error"]
    return markdown([header, *lines])


def compare(root: Path) -> list[Verdict]:
    """Check every table of a system that has been run, then write and return the verdicts."""
    claims = load_claims(root)
    tables = tables_of_all(claims, root=root)
    for system, rows in tables.items():
        check_sources(system, rows, root=root)
    found = verdicts(claims, tables)
    save_csv(root / TABLE_FOLDER / "verdict.csv", [v._asdict() for v in found], columns=Verdict._fields)
    save_text(root / TABLE_FOLDER / "verdict.md", printed_verdicts(found))
    return found


def _claim_verdict(claim: Claim, claims: Claims, rows: Sequence[Row]) -> Verdict:
    bound = claims.printed(claim).value + claim.tolerance
    asked = f"{claim.published}, published, within {claim.tolerance:g}"
    return _verdict(claim, asked, bound, rows)


def target_verdict(target: Target, rows: Sequence[Row]) -> Verdict:
    """What became of a target, by the rows of its system's table."""
    if target.unit == "absolute":
        return _verdict(target, target.grade, target.at_most, rows)
    floor = next((row.metrics.get(target.metric) for row in rows if row.source == "floor"), None)
    bound = None if floor is None else target.at_most * floor.value
    if bound is not None and target.unit == "floor + sd":
        bound = None if floor.error is None else bound + floor.error
    return _verdict(target, f"{target.grade}: {target.at_most:g} x {target.unit}", bound, rows)


def _verdict(aim: Claim | Target, asked: str, bound: float | None, rows: Sequence[Row]) -> Verdict:
    cells = _our_cells(rows, method=aim.method)
    cell = cells.get(aim.metric)
    ours, error = (None, None) if cell is None else (cell.value, cell.error)
    if aim.metric not in cells or bound is None:
        return Verdict(aim.system, aim.method, aim.metric, asked, bound, ours, error, "not run")
    outcome = "pass" if ours is not None and ours <= bound else "fail"
    return Verdict(aim.system, aim.method, aim.metric, asked, bound, ours, error, outcome)


def _our_cells(rows: Sequence[Row], *, method: str) -> dict[str, Cell | None]:
    """What `method` of ours reached, by metric: None if it is not known, absent if it was not asked."""
    for row in rows:
        if (row.source, row.method) == ("ours", method):
            return row.metrics | {"energy_evals": Cell(float(row.energy_evals["total"]), None)}
    return {}


def _lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def _short(number: float | None) -> str:
    return "" if number is None else f"{number:.4g}"


def main() -> None:
    with reported():
        print(printed_verdicts(compare(Path("."))), end="")


if __name__ == "__main__":
    main()
