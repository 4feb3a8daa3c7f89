"""Baseline: parallel tempering from a lattice, within a budget of energy evaluations."""

from dataclasses import dataclass

import torch

from pita.baselines.start import affordable_moves, pool_evenly
from pita.convergence import chain_ess
from pita.hot_start import CLUSTER_START, Start, Startable
from pita.population import geometric_temperatures
from pita.results import MethodResult, energy_bill
from pita.targets.counted import CountedTarget
from pita.tempering import ParallelTempering, start_tempering, temper


@dataclass(frozen=True)
class TemperingPlan:
    """How the budget is spent: geometric temperatures, walkers at each, the share of burn-in."""

    n_energy_evals: int
    hot: float = 4.0
    cold: float = 1.0
    n_temperatures: int = 8
    n_walkers: int = 8
    n_leapfrog: int = 10
    burn_in_fraction: float = 0.2
    step_size: float = 0.02
    start: Start = CLUSTER_START


def run(
    target: Startable, *, settings: TemperingPlan, n_samples: int, generator: torch.Generator
) -> MethodResult:
    """Samples at the cold temperature, pooled over walkers and over time after burn-in."""
    n_chains = settings.n_temperatures * settings.n_walkers
    tempering = _tempering(settings, n_chains, n_samples)
    counted = CountedTarget(target)
    x = settings.start.draw(target, n_chains, generator=generator)
    state = start_tempering(counted, x, settings=tempering, generator=generator)
    initial = counted.n_energy_evals
    burnt = temper(counted, state, tempering.n_burn_in, settings=tempering)
    ladder = counted.n_energy_evals - initial
    sampled = temper(counted, burnt.state, tempering.n_moves - tempering.n_burn_in, settings=tempering)
    return MethodResult(
        x=pool_evenly(sampled.x[0], n_samples),
        energy_evals=energy_bill(
            initial=initial, ladder=ladder, sample=counted.n_energy_evals - initial - ladder
        ),
        ess={"sample": min(chain_ess(sampled.energy[0].T), float(n_samples))},
        counters={"clipped": 0, "nonfinite": counted.n_nonfinite, "wrong_chirality": 0},
    )


def _tempering(settings: TemperingPlan, n_chains: int, n_samples: int) -> ParallelTempering:
    n_moves = affordable_moves(settings.n_energy_evals, n_chains=n_chains, n_leapfrog=settings.n_leapfrog)
    n_burn_in = max(1, int(settings.burn_in_fraction * n_moves))
    return ParallelTempering(
        temperatures=geometric_temperatures(settings.hot, settings.cold, settings.n_temperatures),
        n_walkers=settings.n_walkers,
        n_moves=n_moves,
        n_burn_in=n_burn_in,
        thin=max(1, (n_moves - n_burn_in) * settings.n_walkers // n_samples),
        n_leapfrog=settings.n_leapfrog,
        step_size=settings.step_size,
        kept_temperatures=(settings.cold,),
    )
