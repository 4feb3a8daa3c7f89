"""Turn stored results into the CSV of each figure: `python -m experiments.plot_data lj13` or `... mixture`.

Figures of peptides are those of `experiments.plot_peptide`. Every statistic of a figure is computed here; a
figure script draws what its CSV says. Over seeds: the mean, the lowest and the highest value.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.claims import load_claims
from experiments.errors import reported
from experiments.files import DataFileError, load_json, save_csv
from experiments.paths import ROOT
from experiments.plot_rows import (
    METRIC_UNITS,
    PITA,
    annealing_rows,
    budget_rows,
    histogram_rows,
    mixture_rows,
)
from experiments.results import DATA_FOLDER, UNKNOWN

PUBLISHED = "PITA"
Rows = list[dict[str, object]]


def over_seeds(pattern: str, *, root: Path, keys: Sequence[str]) -> dict[tuple[str, ...], dict]:
    """Load every stored JSON whose name matches `pattern`, by the groups of the pattern, in their order."""
    folder = root / DATA_FOLDER
    matches = [(re.fullmatch(pattern, path.name), path) for path in sorted(folder.glob("*.json"))]
    found = {match.groups(): load_json(path, keys=keys) for match, path in matches if match}
    if not found:
        raise DataFileError(f"{folder}: no file matches {pattern}")
    return found


def budget(system: str, *, root: Path, units: Mapping[str, str], kinds: Sequence[str] = (PITA,)) -> Rows:
    """Metrics, by name with their units, against number of energy evaluations; `kinds` of PITA.

    Of budgets of the system besides its first, the rows of their tables are points too.
    """
    stored = over_seeds(rf"{system}-budget-([a-z_]+)-(\d+)\.json", root=root, keys=("method", "points"))
    budgets: dict[str, list[dict]] = {}
    for entry in stored.values():
        budgets.setdefault(entry["method"], []).append(entry)
    others = sorted(path.stem for path in (root / "experiments/params").glob(f"{system}-*.toml"))
    runs = [(kind, runs_of(name, kind, root=root)) for name in (system, *others) for kind in kinds]
    tables = [(method, runs_of(other, method, root=root)) for other in others for method in sorted(budgets)]
    floor = load_json(root / DATA_FOLDER / f"{system}-floor.json", keys=("metrics",))
    rows = load_claims(root).published_for(system)
    published = [row for row in rows if row.method == PUBLISHED]
    printed = {name: text for row in published for name, text in row.metrics.items()}
    evals = {row.energy_evals for row in published} - {UNKNOWN}
    return budget_rows(
        budgets,
        runs,
        tables,
        floor=floor["metrics"],
        published=printed,
        published_evals=float(*evals) if evals else None,
        units=units,
    )


def runs_of(name: str, method: str, *, root: Path) -> list[dict]:
    """Load the results of all seeds of a method, of a system or of a budget of it."""
    keys = ("metrics", "energy_evals")
    return list(over_seeds(rf"{name}-{method}-(\d+)\.json", root=root, keys=keys).values())


def chains(system: str, kind: str, *, root: Path) -> dict[int, Sequence[Mapping]]:
    """Load what stage `chain` stored of every rung, `rungs` or `trace`, by seed."""
    stored = over_seeds(rf"{system}-chain-{kind}-(\d+)\.json", root=root, keys=("rungs",))
    return {int(seed): entry["rungs"] for (seed,), entry in stored.items()}


def write(stem: str, rows: Rows, *, root: Path) -> None:
    """Write the CSV of one figure; the columns are those of the first row."""
    save_csv(root / "figures" / f"{stem}.csv", rows, columns=list(rows[0]))


def write_system(system: str, *, root: Path) -> None:
    """Write the CSVs of all figures of a cluster."""
    write(f"{system}_budget", budget(system, root=root, units=METRIC_UNITS), root=root)
    write(f"{system}_histograms", histogram_rows(chains(system, "rungs", root=root)), root=root)
    traces = annealing_rows(chains(system, "trace", root=root), temperature="epsilon/k_B", length="r_min")
    write(f"{system}_annealing", traces, root=root)


def write_mixture(*, root: Path) -> None:
    """Write the CSV of the comparison of weightings."""
    stored = load_json(root / DATA_FOLDER / "mixture.json", keys=("exact", "independent_errors", "runs"))
    rows = mixture_rows(stored["runs"], exact=stored["exact"], independent=stored["independent_errors"])
    write("mixture", rows, root=root)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subject", choices=("mixture", "lj13"))
    subject = parser.parse_args(argv).subject
    with reported():
        if subject == "mixture":
            write_mixture(root=ROOT)
        else:
            write_system(subject, root=ROOT)


if __name__ == "__main__":
    main()
