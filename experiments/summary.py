"""Stage: the README's table, what was asked of PITA beside the paper, the floor and classical methods.

`python -m experiments.summary` writes `figures/tables/summary.md`, which README repeats line by line. A line
is a metric that has an aim, of a system or a budget of it; aims of other variants of PITA are in the verdict.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.claims import Claims, load_claims
from experiments.compare import Verdict, target_verdicts
from experiments.errors import reported
from experiments.files import save_text
from experiments.results import Row, table_rows
from experiments.tables import TABLE_FOLDER, count, markdown, printed

KINDS = {"pita_renoised": "PITA, from samples", "pita": "PITA, from noise"}
CLASSICAL = {"parallel_tempering": "parallel tempering", "population_annealing": "population annealing"}
PAPER = "PITA"
GRADES = ("to reach", "beyond")
NONE = "-"


def summary(claims: Claims, tables: Mapping[str, Sequence[Row]]) -> str:
    """Return the table as Markdown; `tables`: system, or budget of it, -> rows of its table."""
    asked = [v for v in target_verdicts(claims, tables) if v.method in KINDS and v.system in tables]
    header = ["system", "energy evaluations (seeds)", "metric", "paper", "noise floor"]
    header += [*KINDS.values(), *CLASSICAL.values(), "to reach (beyond)", "verdict"]
    lines = []
    for system in tables:
        for metric in dict.fromkeys(v.metric for v in asked if v.system == system):
            aims = [v for v in asked if (v.system, v.metric) == (system, metric)]
            lines.append(_line(system, metric, aims, tables[system]))
    return markdown([header, *lines])


def _line(system: str, metric: str, aims: Sequence[Verdict], rows: Sequence[Row]) -> list[str]:
    ours = {row.method: row for row in rows if row.source == "ours"}
    others = {row.source: row for row in rows if row.source == "floor" or row.method == PAPER}
    kinds = [kind for kind in KINDS if kind in ours]
    return [
        *(system, _budget(ours[kinds[0]]) if kinds else NONE, metric.replace("_", " ")),
        *(_cell(others.get(source), metric) for source in ("published", "floor")),
        *(_cell(ours.get(method), metric) for method in (*KINDS, *CLASSICAL)),
        _bounds(aims),
        " / ".join(_grade([v for v in aims if v.method == kind]) for kind in kinds) or NONE,
    ]


def _budget(row: Row) -> str:
    return f"{count(row.energy_evals['total'])} ({row.n_seeds})"


def _cell(row: Row | None, metric: str) -> str:
    if row is None:
        return NONE
    if metric == "energy_evals":
        return count(row.energy_evals["total"])
    return printed(row.metrics[metric]) if metric in row.metrics else NONE


def _bounds(aims: Sequence[Verdict]) -> str:
    """Return what is to be reached and, in brackets, what is beyond, as `0.24 (0.19)`."""
    found = {_grade_of(v): v.at_most for v in aims}
    reach, beyond = ("not known" if b is None else f"{b:.4g}" for b in map(found.get, GRADES))
    return f"{reach} ({beyond})"


def _grade(aims: Sequence[Verdict]) -> str:
    """Return the highest grade that a kind of PITA has reached, else `fail` or `not run`."""
    found = {_grade_of(v): v.verdict for v in aims}
    reach, beyond = map(found.get, GRADES)
    if "pass" in (reach, beyond):
        return "beyond" if beyond == "pass" else "reached"
    return reach or NONE


def _grade_of(verdict: Verdict) -> str:
    return verdict.asked.partition(":")[0]


def main() -> None:
    with reported():
        root = Path(".")
        claims = load_claims(root)
        run = [name for name, has_run in claims.systems.items() if has_run]
        tables = {name: table_rows(name, root=root, claims=claims) for name in run}
        save_text(root / TABLE_FOLDER / "summary.md", summary(claims, tables))


if __name__ == "__main__":
    main()
