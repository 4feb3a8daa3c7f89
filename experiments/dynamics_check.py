"""Langevin dynamics at the hottest temperature of a ladder, against which parallel tempering is checked.

Nothing but the energy is common to both: other moves, other step sizes, no exchange, no acceptance test.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from experiments.conformers import Topology, chain_mean, difference_in_se, phi_angles
from experiments.tempering_run import Sampled
from pita.hot_start import Start, Startable
from pita.langevin import LangevinSettings, run_langevin


@dataclass(frozen=True, kw_only=True)
class DynamicsSettings:
    """`n_chains` of Langevin dynamics from the same start as the walkers."""

    n_chains: int
    moves: LangevinSettings


def dynamics_check(
    target: Startable,
    temperature: float,
    runs: Mapping[str, Sampled],
    *,
    start: Start,
    settings: DynamicsSettings,
    topology: Topology | None,
    generator: torch.Generator,
) -> dict:
    """Compare dynamics with the hottest samples of all `runs`; energies in the unit of E."""
    with tqdm(total=settings.moves.n_steps, unit="step", desc=f"dynamics at {temperature:g}") as bar:
        dynamics = run_langevin(
            target,
            start.draw(target, settings.n_chains, generator=generator),
            beta=1 / temperature,
            settings=settings.moves,
            generator=generator,
            progress=lambda done, _: bar.update(done - bar.n),
        )
    x = np.concatenate([run.x[:, 0] for run in runs.values()], axis=1)
    energy = np.concatenate([run.trace[:, 0, -1] for run in runs.values()], axis=1)
    report = {
        "temperature": temperature,
        "energy_evals": settings.n_chains * (1 + settings.moves.n_steps),
        "mean_energy": _compared(dynamics.energy.numpy(), energy),
    }
    if topology is not None:
        angles = zip(phi_angles(dynamics.x.numpy(), topology), phi_angles(x, topology), strict=True)
        report["phi_positive"] = [_compared(ours > 0, reference > 0) for ours, reference in angles]
    return report


def _compared(dynamics: np.ndarray, tempering: np.ndarray) -> dict:
    """Compare means of values (n_draws, n_chains)."""
    means = {"dynamics": chain_mean(dynamics), "tempering": chain_mean(tempering)}
    return {
        "mean": {name: mean.value for name, mean in means.items()},
        "se": {name: mean.se for name, mean in means.items()},
        "difference_in_se": difference_in_se(*means.values()),
    }
