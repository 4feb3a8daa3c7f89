"""Rows of the figures' CSVs, from results already read; a column's unit stands in brackets after its name."""

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.claims import parse_printed
from experiments.files import DataFileError

Rows = list[dict[str, object]]
PITA = "pita"  # name of the method whose samples are compared at every rung
PITA_RENOISED = "pita_renoised"  # and of the one that begins from samples
METRIC_UNITS = {"distance_w2": "r_min", "energy_w2": "kT"}
ERROR_UNITS = {"mode_mass": "1", "variance": "length^2", "log_z": "1"}


def mixture_rows(
    runs: Sequence[Mapping], *, exact: Mapping[str, float], independent: Mapping[str, float]
) -> Rows:
    """Root-mean-square errors over repeats and their standard errors; empty where there is no estimate.

    The last row holds the errors of as many independent draws.
    """
    rows = []
    for run in runs:
        row = {
            "weighting": run["weighting"],
            "n_steps [1]": run["n_steps"],
            "network_passes [1]": run["network_passes"],
        }
        for name, unit in ERROR_UNITS.items():
            error, spread = None, None
            if name in run["estimates"]:
                error, spread = rms_error(run["estimates"][name], exact[name])
            row |= {f"{name}_error [{unit}]": error, f"{name}_error_se [{unit}]": spread}
        rows.append(row)
    row = {"weighting": "independent", "n_steps [1]": None, "network_passes [1]": None}
    for name, unit in ERROR_UNITS.items():
        row |= {f"{name}_error [{unit}]": independent.get(name), f"{name}_error_se [{unit}]": None}
    return [*rows, row]


def rms_error(estimates: Sequence[float], exact: float) -> tuple[float, float]:
    """Root of the mean squared error e^2 and its standard error, se(e^2) / (2 rms)."""
    square = (np.asarray(estimates) - exact) ** 2
    rms = square.mean() ** 0.5
    return float(rms), float(square.std(ddof=1) / len(square) ** 0.5 / (2 * rms))


def budget_rows(
    budgets: Mapping[str, Sequence[Mapping]],
    runs: Sequence[tuple[str, Sequence[Mapping]]],
    tables: Sequence[tuple[str, Sequence[Mapping]]],
    *,
    floor: Mapping[str, Mapping | None],
    published: Mapping[str, str],
    published_evals: float | None,
    units: Mapping[str, str],
) -> Rows:
    """One row per method and budget, two per kind of PITA (all its evaluations, those of sampling only), the
    published row, the floor.

    `budgets`: method -> one stored budget per seed; `runs`: kinds of PITA, one result per seed of each;
    `tables`: other methods likewise, at budgets beyond the curve; `units`: metric -> unit. The range of the
    floor is its mean -/+ standard deviation, that of the published row its printed error. What is not known
    is empty.
    """
    rows = []
    for method, seeds in sorted(budgets.items()):
        if len({len(seed["points"]) for seed in seeds}) != 1:
            raise DataFileError(f"budgets of {method}: numbers of points differ between seeds")
        for points in zip(*(seed["points"] for seed in seeds), strict=True):
            evals = float(np.mean([point["energy_evals"] for point in points]))
            rows.append(budget_row(method, evals, points, units=units))
    billed = [(method, "total", seeds) for method, seeds in tables]
    for kind, seeds in runs:
        billed += [(kind, "total", seeds), (f"{kind}_sampling", "sample", seeds)]
    for name, part, seeds in billed:
        evals = float(np.mean([run["energy_evals"][part] for run in seeds]))
        rows.append(budget_row(name, evals, seeds, units=units))
    printed = {name: parse_printed(published[name]) for name in units if name in published}
    rows.append(band_row("published", printed, energy_evals=published_evals, units=units))
    floors = {name: (floor[name]["mean"], floor[name]["sd"]) for name in units if floor[name] is not None}
    rows.append(band_row("floor", floors, energy_evals=None, units=units))
    return rows


def budget_row(
    method: str, energy_evals: float, judged: Sequence[Mapping], *, units: Mapping[str, str]
) -> dict[str, object]:
    """Mean and range over seeds of the metrics stored with each; empty unless every seed knows its value."""
    row = {"method": method, "energy_evals [1]": energy_evals}
    for name, unit in units.items():
        cells = [entry["metrics"][name] for entry in judged]
        if None in cells:
            row |= value_and_range(name, unit, None, None, None)
        else:
            values = [cell["value"] for cell in cells]
            row |= value_and_range(name, unit, float(np.mean(values)), min(values), max(values))
    return row


def band_row(
    method: str, cells: Mapping[str, tuple], *, energy_evals: float | None, units: Mapping[str, str]
) -> dict[str, object]:
    """A value with a symmetric error; empty where there is none."""
    row = {"method": method, "energy_evals [1]": energy_evals}
    for name, unit in units.items():
        value, error = cells.get(name, (None, None))[:2]
        low, high = (None, None) if value is None else (value - (error or 0.0), value + (error or 0.0))
        row |= value_and_range(name, unit, value, low, high)
    return row


def value_and_range(
    name: str, unit: str, value: float | None, low: float | None, high: float | None
) -> dict[str, object]:
    """Three columns of one quantity."""
    return {f"{name} [{unit}]": value, f"{name}_low [{unit}]": low, f"{name}_high [{unit}]": high}


def histogram_rows(seeds: Mapping[int, Sequence[Mapping]]) -> Rows:
    """Densities by temperature and bin, mean and range over seeds, beside the reference; E in epsilon."""
    rows = []
    for rungs in zip(*seeds.values(), strict=True):
        columns: dict[str, np.ndarray] = {}
        for name, unit in (("energy", "epsilon"), ("distance", "r_min")):
            columns |= histogram_columns(rungs, name, unit)
        n_bins = max(len(column) for column in columns.values())
        for i in range(n_bins):
            entry = {key: float(column[i]) if i < len(column) else None for key, column in columns.items()}
            rows.append({"temperature [epsilon/k_B]": rungs[0]["temperature"]} | entry)
    return rows


def histogram_columns(rungs: Sequence[Mapping], name: str, unit: str) -> dict[str, np.ndarray]:
    """Edges and densities of one quantity at one temperature, from one entry per seed."""
    edges = np.array(rungs[0][f"{name}_edges"])
    density = np.array([rung[f"{name}_density"] for rung in rungs])
    if any(rung[f"{name}_edges"] != rungs[0][f"{name}_edges"] for rung in rungs):
        raise DataFileError(f"{name}_edges at T = {rungs[0]['temperature']} differ between seeds")
    return {
        f"{name}_left [{unit}]": edges[:-1],
        f"{name}_right [{unit}]": edges[1:],
        f"{name}_density [1/{unit}]": density.mean(0),
        f"{name}_density_low [1/{unit}]": density.min(0),
        f"{name}_density_high [1/{unit}]": density.max(0),
        f"{name}_density_reference [1/{unit}]": np.array(rungs[0][f"{name}_density_reference"]),
    }


def annealing_rows(seeds: Mapping[int, Sequence[Mapping]], *, temperature: str, length: str) -> Rows:
    """One row per seed, rung and noise level, in the units of temperature and length given."""
    return [
        {
            "seed": seed,
            f"temperature_from [{temperature}]": rung["temperature_from"],
            f"temperature_to [{temperature}]": rung["temperature_to"],
            f"sigma [{length}]": h**0.5,
            "ess_fraction [1]": ess_fraction,
            "unique_ancestors_fraction [1]": n_unique / rung["n_particles"],
            "log_w_std [1]": log_w_std,
        }
        for seed, rungs in sorted(seeds.items())
        for rung in rungs
        for h, ess_fraction, log_w_std, n_unique in zip(
            rung["h"], rung["ess_fraction"], rung["log_w_std"], rung["n_unique_ancestors"], strict=True
        )
    ]
