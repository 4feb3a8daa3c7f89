"""Baseline: plain HMC at the target temperature, from chains equilibrated hot; no ladder in between."""

from dataclasses import dataclass

import torch

from pita.baselines.start import affordable_moves, equilibrate, pool_evenly
from pita.convergence import chain_ess
from pita.hot_start import CLUSTER_START, Start, Startable
from pita.mcmc import HmcSettings, run_hmc
from pita.results import MethodResult, energy_bill
from pita.targets.counted import CountedTarget


@dataclass(frozen=True)
class HotHmcPlan:
    """How the budget is spent: a share on the hot start and, of what remains, a share on cold burn-in."""

    n_energy_evals: int
    hot: float = 4.0
    cold: float = 1.0
    n_chains: int = 64
    n_leapfrog: int = 10
    hot_fraction: float = 0.1
    burn_in_fraction: float = 0.2
    step_size: float = 0.02
    start: Start = CLUSTER_START


def run(
    target: Startable, *, settings: HotHmcPlan, n_samples: int, generator: torch.Generator
) -> MethodResult:
    """Samples at the cold temperature, pooled over chains and over time after burn-in."""
    counted = CountedTarget(target)
    hot = equilibrate(
        counted,
        settings.start.draw(target, settings.n_chains, generator=generator),
        temperature=settings.hot,
        n_energy_evals=int(settings.hot_fraction * settings.n_energy_evals),
        n_leapfrog=settings.n_leapfrog,
        step_size=settings.step_size,
        generator=generator,
    )
    initial = counted.n_energy_evals
    n_moves = affordable_moves(
        settings.n_energy_evals - initial, n_chains=settings.n_chains, n_leapfrog=settings.n_leapfrog
    )
    n_burn_in = int(settings.burn_in_fraction * n_moves)
    hmc = HmcSettings(
        n_moves=n_moves,
        n_burn_in=n_burn_in,
        thin=max(1, (n_moves - n_burn_in) * settings.n_chains // n_samples),
        n_leapfrog=settings.n_leapfrog,
        step_size=hot.step_size,
    )
    cold = run_hmc(counted, hot.state.x, beta=1 / settings.cold, settings=hmc, generator=generator)
    ladder = n_burn_in * settings.n_leapfrog * settings.n_chains
    return MethodResult(
        x=pool_evenly(cold.x, n_samples),
        energy_evals=energy_bill(
            initial=initial, ladder=ladder, sample=counted.n_energy_evals - initial - ladder
        ),
        ess={"sample": min(chain_ess(cold.energy.T), float(n_samples))},
        counters={"clipped": 0, "nonfinite": counted.n_nonfinite, "wrong_chirality": 0},
    )
