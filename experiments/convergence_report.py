"""Whether two independent parallel-tempering runs agree and mix: what is written beside a reference set.

Split R-hat and autocorrelation as in `pita.convergence`. Walkers of one rung never meet, so they are
independent chains, of which a run holds W and both runs together 2 W.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from experiments.conformers import Topology, conformer_agreement
from experiments.tempering_run import Sampled
from pita.convergence import autocorrelation_time, chain_ess, quantile_gap, split_r_hat
from pita.targets.base import Target
from pita.targets.quench import quench
from pita.tempering import ParallelTempering

PROBABILITIES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
QUENCH = {"n_steps": 1500, "dt": 0.01, "largest_dt": 0.05}
SAME_MINIMUM = 1e-3  # difference of energy below which two minima count as one; float32 leaves about 1e-4


def convergence_report(
    target: Target,
    settings: ParallelTempering,
    runs: Mapping[str, Sampled],
    *,
    n_quenched: int,
    topology: Topology | None,
) -> dict:
    """Return the report on `runs`, by name; energies in the unit of E, times in moves or stored draws.

    With `n_quenched` it has the lowest basin, with a `topology` the conformers.
    """
    ladder = settings.kept_temperatures
    n_draws = (settings.n_moves - settings.n_burn_in) // settings.thin
    report = {
        "n_samples": n_draws * settings.n_walkers,
        "n_walkers": settings.n_walkers,
        "energy_evals": {name: run.n_energy_evals for name, run in runs.items()},
        "nonfinite": {name: run.n_nonfinite for name, run in runs.items()},
        "per_temperature": [
            {
                "temperature": temperature,
                "acceptance": {name: run.acceptance[:, rung].mean() for name, run in runs.items()},
                **at_temperature(runs, kept, topology),
            }
            for kept, (temperature, rung) in enumerate(zip(ladder, settings.kept_rungs, strict=True))
        ],
        "swap_rates": [
            {"hot": hot, "cold": cold} | {name: run.swap_rate[:, pair].mean() for name, run in runs.items()}
            for pair, (hot, cold) in enumerate(pairwise(settings.temperatures))
        ],
    }
    if n_quenched:
        report["lowest_basin"] = {"temperature": ladder[-1], **lowest_basin(target, n_quenched, runs)}
    return report


def at_temperature(runs: Mapping[str, Sampled], kept: int, topology: Topology | None) -> dict:
    """Compare energies, sizes and, with a topology, conformers at the `kept`-th of the kept temperatures."""
    draws = {name: run.x[:, kept] for name, run in runs.items()}
    report = agreement({name: torch.from_numpy(run.trace[:, kept]) for name, run in runs.items()})
    report |= size_agreement({name: torch.from_numpy(x) for name, x in draws.items()})
    return report if topology is None else report | conformer_agreement(draws, topology)


def agreement(traces: Mapping[str, Tensor]) -> dict:
    """Compare the energies of two runs; each (n_draws, n_moves_per_draw, W), one value per move."""
    every = {name: trace.flatten(0, 1).T.double() for name, trace in traces.items()}
    drawn = {name: trace[:, -1].T.double() for name, trace in traces.items()}
    error = {name: float(e.std()) / chain_ess(e) ** 0.5 for name, e in every.items()}
    first, second = every.values()
    gaps = quantile_gap(*(e.flatten() for e in drawn.values()), probabilities=PROBABILITIES)
    return {
        "mean_energy": {name: float(e.mean()) for name, e in every.items()},
        "mean_energy_se": error,
        "difference_in_se": float(first.mean() - second.mean()) / np.hypot(*error.values()),
        "quantile_gaps": {str(p): float(gap) for p, gap in zip(PROBABILITIES, gaps, strict=True)},
        "split_r_hat": _r_hats(drawn),
        "autocorrelation_moves": {name: autocorrelation_time(e) for name, e in every.items()},
        "autocorrelation_draws": {name: autocorrelation_time(e) for name, e in drawn.items()},
    }


def size_agreement(draws: Mapping[str, Tensor]) -> dict:
    """Compare the mean squared radius, which evaporation makes slow; draws (n_draws, W, n_atoms, 3)."""
    size = {name: x.double().square().sum(-1).mean(-1).T for name, x in draws.items()}
    return {
        "mean_squared_radius": {name: float(s.mean()) for name, s in size.items()},
        "split_r_hat_squared_radius": _r_hats(size),
        "autocorrelation_draws_squared_radius": {name: autocorrelation_time(s) for name, s in size.items()},
    }


def lowest_basin(target: Target, n_quenched: int, runs: Mapping[str, Sampled]) -> dict:
    """Fraction of evenly spaced samples of the coldest rung that relax into the lowest minimum found."""
    energies, left = {}, {}
    for name, run in runs.items():
        x = torch.from_numpy(run.x[:, -1]).flatten(0, 1)
        chosen = torch.linspace(0, len(x) - 1, n_quenched).long()
        minima, force = quench(target, x[chosen].double(), **QUENCH)
        energies[name], left[name] = target.energy(minima), float(force.quantile(0.95))
    lowest = min(float(energy.min()) for energy in energies.values())
    return {
        "n_quenched": n_quenched,
        "energy": lowest,
        "fraction": {n: float((e < lowest + SAME_MINIMUM).double().mean()) for n, e in energies.items()},
        "force_left_95_percent": left,
    }


def _r_hats(series: Mapping[str, Tensor]) -> dict[str, float]:
    both = split_r_hat(torch.cat(list(series.values())))
    return {name: split_r_hat(values) for name, values in series.items()} | {"both": both}
