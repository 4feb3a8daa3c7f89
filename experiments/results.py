"""Stored results as table rows: the noise floor, every method of ours over its seeds, every published row."""

import re
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from experiments.claims import Claims, Published, parse_printed
from experiments.files import DataFileError, load_json
from experiments.paths import system_of

DATA_FOLDER = Path("figures/data")
EVALS = ("total", "initial", "ladder", "sample")
METRICS = (
    *("distance_w2", "energy_w1", "energy_w2", "geometric_w2"),
    *("torus_w2", "rama_kl", "rama_js", "rama_tv", "tica_w1", "tica_w2", "delta_f_error_kcal"),
)
UNKNOWN = "not known"
RUN_NAME = r"{}-(?P<method>[a-z0-9_]+)-(?P<seed>[1-9][0-9]*)\.json"  # of a system or a budget of it


class Cell(NamedTuple):
    """A number of the table, its error (None: not known) and, if published, the text as printed."""

    value: float
    error: float | None
    printed: str | None = None


class Row(NamedTuple):
    """One method of one system; `energy_evals` has the keys of `EVALS`.

    The error of a cell is the standard error over seeds (ours), the standard deviation over pairs of
    reference sets (floor), or what was printed (published). A cell is None if it was asked for and is not
    known, as a free-energy difference where a basin is empty.
    """

    method: str
    source: str
    n_seeds: int | str
    n_samples: int | str
    energy_evals: dict[str, int | str]
    metrics: dict[str, Cell | None]


def table_rows(system: str, *, root: Path, claims: Claims, seed: int | None = None) -> list[Row]:
    """All rows of the table of a system, or of a budget of it: floor, ours by method, published in the order
    of the claims file.

    With `seed`, ours are of that seed alone.
    """
    published = [published_row(entry) for entry in claims.published_for(system)]
    return [floor_row(system, root=root), *our_rows(system, root=root, seed=seed), *published]


def metric_names(rows: Iterable[Row]) -> list[str]:
    """Names of all metrics in `rows`: the known ones in the order of `METRICS`, then others by name."""
    found = {name for row in rows for name in row.metrics}
    return [*(name for name in METRICS if name in found), *sorted(found - set(METRICS))]


def floor_row(system: str, *, root: Path) -> Row:
    """The distance between two independent reference sets of the size at which methods are judged."""
    path = root / DATA_FOLDER / f"{system_of(system)}-floor.json"
    floor = load_json(path, keys=("system", "n_samples", "metrics"))
    cells = {name: _cell(path, name, entry, "mean", "sd") for name, entry in floor["metrics"].items()}
    return Row("noise floor", "floor", "none", floor["n_samples"], dict.fromkeys(EVALS, "none"), cells)


def our_rows(system: str, *, root: Path, seed: int | None = None) -> list[Row]:
    """One row per method from the results of its seeds, which must have been judged by the same metrics."""
    runs: dict[str, list[dict]] = {}
    for path in sorted((root / DATA_FOLDER).glob(f"{system}-*.json")):
        name = re.fullmatch(RUN_NAME.format(system), path.name)
        if name and seed in (None, int(name["seed"])):
            run = _load_run(path)
            runs.setdefault(run["method"], []).append(run)
    return [_our_row(method, runs[method]) for method in sorted(runs)]


def published_row(entry: Published) -> Row:
    """A published row: seeds and split of the budget are not known, numbers keep their printed form."""
    cells = {name: Cell(*parse_printed(text), printed=text) for name, text in entry.metrics.items()}
    evals = {name: UNKNOWN for name in EVALS} | {"total": entry.energy_evals}
    return Row(entry.method, "published", UNKNOWN, UNKNOWN, evals, cells)


def _load_run(path: Path) -> dict:
    run = load_json(path, keys=("system", "method", "seed", "n_samples", "metrics", "energy_evals"))
    if path.name != f"{run['system']}-{run['method']}-{run['seed']}.json":
        raise DataFileError(f"{path}: is named otherwise than its system, method and seed say")
    evals = run["energy_evals"]
    if missing := [name for name in EVALS if name not in evals]:
        raise DataFileError(f"{path}: energy_evals: {', '.join(missing)} missing")
    if evals["total"] != evals["initial"] + evals["ladder"] + evals["sample"]:
        raise DataFileError(f"{path}: energy_evals: total is not initial + ladder + sample, got {evals}")
    run["metrics"] = {name: _cell(path, name, entry, "value", "se") for name, entry in run["metrics"].items()}
    return run


def _our_row(method: str, runs: list[dict]) -> Row:
    names = runs[0]["metrics"].keys()
    for run in runs:
        if run["metrics"].keys() != names or run["n_samples"] != runs[0]["n_samples"]:
            raise DataFileError(
                f"{run['system']}-{method}-{run['seed']}: metrics or n_samples differ between seeds"
            )
    cells = {name: _over_seeds([run["metrics"][name] for run in runs]) for name in names}
    evals = {name: round(statistics.fmean(run["energy_evals"][name] for run in runs)) for name in EVALS}
    return Row(method, "ours", len(runs), runs[0]["n_samples"], evals, cells)


def _over_seeds(cells: list[Cell | None]) -> Cell | None:
    """Mean and standard error of the mean; of a single value no error, with a missing one no mean."""
    if None in cells:
        return None
    values = [cell.value for cell in cells]
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
    return Cell(statistics.fmean(values), error)


def _cell(path: Path, name: str, entry: object, value: str, error: str) -> Cell | None:
    if entry is None:
        return None
    try:
        return Cell(float(entry[value]), None if entry[error] is None else float(entry[error]))
    except (KeyError, TypeError, ValueError) as problem:
        raise DataFileError(
            f"{path}: metrics.{name}: must have numbers {value} and {error} (or null), got {entry!r}"
        ) from problem
