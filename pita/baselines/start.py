"""What the baselines share: equilibration at the hot temperature, and pooling of draws."""

import torch
from torch import Tensor

from pita.mcmc import HmcRun, HmcSettings, run_hmc
from pita.targets.base import Target


def affordable_moves(n_energy_evals: int, *, n_chains: int, n_leapfrog: int) -> int:
    """HMC moves that the evaluations pay for, after one evaluation per chain to begin with; rounded down."""
    n_moves = (n_energy_evals - n_chains) // (n_chains * n_leapfrog)
    if n_moves < 2:
        raise ValueError(
            f"{n_energy_evals} evaluations do not pay for two moves of {n_chains} chains x {n_leapfrog} steps"
        )
    return n_moves


def equilibrate(
    target: Target,
    x: Tensor,
    *,
    temperature: float,
    n_energy_evals: int,
    n_leapfrog: int,
    step_size: float,
    generator: torch.Generator,
) -> HmcRun:
    """HMC at one temperature: the first half of the moves is burn-in, every later state is kept.

    `x` (N, n_atoms, 3); `step_size` is where the adaptation starts.
    """
    n_moves = affordable_moves(n_energy_evals, n_chains=len(x), n_leapfrog=n_leapfrog)
    settings = HmcSettings(
        n_moves=n_moves, n_burn_in=n_moves // 2, n_leapfrog=n_leapfrog, step_size=step_size
    )
    return run_hmc(target, x, beta=1 / temperature, settings=settings, generator=generator)


def pool_evenly(draws: Tensor, n: int) -> Tensor:
    """`n` states evenly spaced in time, every chain equally often (within one), repeated if too few.

    `draws` (n_draws, n_chains, ...) -> (n, ...).
    """
    by_chain = draws.transpose(0, 1).flatten(0, 1)
    if len(by_chain) == 0:
        raise ValueError("no draws to pool")
    index = (torch.arange(n, dtype=torch.float64) + 0.5) * len(by_chain) / n
    return by_chain[index.long().to(draws.device)]
