"""Baseline: Langevin dynamics at the target temperature, from the start itself or from hot chains."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pita.baselines.start import equilibrate, pool_evenly
from pita.convergence import chain_ess
from pita.hot_start import Start, Startable
from pita.langevin import LangevinSettings, run_langevin
from pita.results import MethodResult, energy_bill
from pita.targets.counted import CountedTarget


@dataclass(frozen=True, kw_only=True)
class LangevinPlan:
    """How the budget is spent: a share on hot chains (0: none) and, of what remains, a share on burn-in.

    `step_size` is that of the dynamics, and where that of the hot HMC begins.
    """

    n_energy_evals: int
    hot: float
    cold: float
    step_size: float
    friction: float
    start: Start
    n_chains: int = 64
    n_leapfrog: int = 10
    hot_fraction: float = 0.0
    burn_in_fraction: float = 0.2


def run(
    target: Startable, *, settings: LangevinPlan, n_samples: int, generator: torch.Generator
) -> MethodResult:
    """Frames at the cold temperature, pooled over chains and over time after burn-in."""
    counted = CountedTarget(target)
    x = settings.start.draw(target, settings.n_chains, generator=generator)
    if settings.hot_fraction > 0:
        x = _heated(counted, x, settings, generator)
    initial = counted.n_energy_evals
    dynamics = _dynamics(settings, initial, n_samples)
    cold = run_langevin(counted, x, beta=1 / settings.cold, settings=dynamics, generator=generator)
    ladder = dynamics.n_burn_in * settings.n_chains
    return MethodResult(
        x=pool_evenly(cold.x, n_samples),
        energy_evals=energy_bill(
            initial=initial, ladder=ladder, sample=counted.n_energy_evals - initial - ladder
        ),
        ess={"sample": min(chain_ess(cold.energy.T), float(n_samples))},
        counters={"clipped": 0, "nonfinite": counted.n_nonfinite, "wrong_chirality": 0},
    )


def _heated(counted: CountedTarget, x: Tensor, settings: LangevinPlan, generator: torch.Generator) -> Tensor:
    """Chains `x` (N, n_atoms, 3) after HMC at the hot temperature."""
    return equilibrate(
        counted,
        x,
        temperature=settings.hot,
        n_energy_evals=int(settings.hot_fraction * settings.n_energy_evals),
        n_leapfrog=settings.n_leapfrog,
        step_size=settings.step_size,
        generator=generator,
    ).state.x


def _dynamics(settings: LangevinPlan, spent: int, n_samples: int) -> LangevinSettings:
    n_steps = (settings.n_energy_evals - spent) // settings.n_chains - 1
    n_burn_in = int(settings.burn_in_fraction * n_steps)
    return LangevinSettings(
        n_steps=n_steps,
        n_burn_in=n_burn_in,
        thin=max(1, (n_steps - n_burn_in) * settings.n_chains // n_samples),
        step_size=settings.step_size,
        friction=settings.friction,
    )
