"""Stage: the README's table, what was asked of PITA beside the paper, the floor and classical methods.

`python -m experiments.summary` writes `figures/tables/summary.md`, which README repeats line by line. A line
is a metric that has an aim, of a system or a budget of it; aims of other variants of PITA are in the verdict.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.claims import Claims, load_claims
from experiments.compare import Verdict, tables_of_all, target_verdict
from experiments.errors import reported
from experiments.files import save_text
from experiments.results import Row
from experiments.tables import TABLE_FOLDER, count, markdown, printed

KINDS = {"pita_renoised": "PITA, from samples", "pita": "PITA, from noise"}
CLASSICAL = {"parallel_tempering": "parallel tempering", "population_annealing": "population annealing"}
PAPER = "PITA"
GRADES = ("to reach", "beyond")
NONE = "-"
Aim = tuple[str, Verdict]  # a grade of GRADES, and what became of it


def summary(claims: Claims, tables: Mapping[str, Sequence[Row]]) -> str:
    """Return the table as Markdown; `tables`: system, or budget of it, -> rows of its table."""
    header = ["system", "energy evaluations (seeds)", "metric", "paper", "noise floor"]
    header += [*KINDS.values(), *CLASSICAL.values(), "to reach (beyond)", "verdict"]
    lines = []
    for system, rows in tables.items():
        asked = [target for target in claims.targets_for(system) if target.method in KINDS]
        for metric in dict.fromkeys(target.metric for target in asked):
            aims = [(each.grade, target_verdict(each, rows)) for each in asked if each.metric == metric]
            lines.append(_line(system, metric, aims, rows))
    return markdown([header, *lines])


def _line(system: str, metric: str, aims: Sequence[Aim], rows: Sequence[Row]) -> list[str]:
    ours = {row.method: row for row in rows if row.source == "ours"}
    others = {row.source: row for row in rows if row.source == "floor" or row.method == PAPER}
    kinds = [kind for kind in KINDS if kind in ours]
    return [
        *(system, _budget(ours[kinds[0]]) if kinds else NONE, metric.replace("_", " ")),
        *(_cell(others.get(source), metric) for source in ("published", "floor")),
        *(_cell(ours.get(method), metric) for method in (*KINDS, *CLASSICAL)),
        _bounds(aims),
        " / ".join(_grade([aim for aim in aims if aim[1].method == kind]) for kind in kinds) or NONE,
    ]


def _budget(row: Row) -> str:
    return f"{count(row.energy_evals['total'])} ({row.n_seeds})"


def _cell(row: Row | None, metric: str) -> str:
    if row is None:
        return NONE
    if metric == "energy_evals":
        return count(row.energy_evals["total"])
    return printed(row.metrics[metric]) if metric in row.metrics else NONE


def _bounds(aims: Sequence[Aim]) -> str:
    """Return what is to be reached and, in brackets, what is beyond, as `0.24 (0.19)`."""
    found = {grade: verdict.at_most for grade, verdict in aims}
    reach, beyond = ("not known" if b is None else f"{b:.4g}" for b in map(found.get, GRADES))
    return f"{reach} ({beyond})"


def _grade(aims: Sequence[Aim]) -> str:
    """Return the highest grade that a kind of PITA has reached, else `fail` or `not run`."""
    found = {grade: verdict.verdict for grade, verdict in aims}
    reach, beyond = map(found.get, GRADES)
    if "pass" in (reach, beyond):
        return "beyond" if beyond == "pass" else "reached"
    return reach or NONE


def main() -> None:
    with reported():
        root = Path(".")
        claims = load_claims(root)
        save_text(root / TABLE_FOLDER / "summary.md", summary(claims, tables_of_all(claims, root=root)))


if __name__ == "__main__":
    main()
