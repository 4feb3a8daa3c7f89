"""Langevin dynamics without Metropolis correction, batched over chains: the BAOAB splitting.

Leimkuhler and Matthews, Appl. Math. Res. Express 2013, 34. Half a kick (B), half a drift (A), the exact
Ornstein-Uhlenbeck step of the velocity (O), then A and B again. Configurations of a harmonic oscillator come
out exact at every stable step, others with an error of order dt^2. Masses are 1: only configurations matter.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pita.geometry import mean_free_noise
from pita.mcmc import init_state
from pita.targets.base import Target


@dataclass(frozen=True, kw_only=True)
class LangevinSettings:
    """`step_size` and 1 / `friction` in reduced time; after burn-in every `thin`-th state is a frame."""

    n_steps: int
    step_size: float
    friction: float
    n_burn_in: int = 0
    thin: int = 1
    mean_free: bool = True

    def __post_init__(self) -> None:
        for name in ("n_steps", "thin"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("step_size", "friction"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive and finite, got {getattr(self, name)}")
        if not 0 <= self.n_burn_in <= self.n_steps:
            raise ValueError(f"n_burn_in must be in [0, n_steps], got {self.n_burn_in} of {self.n_steps}")


class LangevinState(NamedTuple):
    """Where N chains stand: `x`, `velocity` and `force` = -dE/dx (N, ...), `energy` (N,)."""

    x: Tensor
    velocity: Tensor
    energy: Tensor
    force: Tensor


class LangevinRun(NamedTuple):
    """Frames `x` (n_frames, N, ...) with their `energy` (n_frames, N), and where the chains ended."""

    x: Tensor
    energy: Tensor
    state: LangevinState


def run_langevin(
    target: Target,
    start: Tensor,
    *,
    beta: float,
    settings: LangevinSettings,
    generator: torch.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> LangevinRun:
    """Dynamics at inverse temperature `beta` from `start` (N, ...) with thermal velocities.

    One evaluation per chain to begin with, one more for every step; `progress(done, of)`.
    """
    x, energy, force = init_state(target, start)
    state = LangevinState(x, _thermal(x, beta, settings, generator), energy, force)
    frames, energies = [x.new_empty(0, *x.shape)], [energy.new_empty(0, *energy.shape)]
    for step in range(settings.n_steps):
        state = langevin_step(target, state, beta=beta, settings=settings, generator=generator)
        if step >= settings.n_burn_in and (step - settings.n_burn_in) % settings.thin == settings.thin - 1:
            frames.append(state.x[None])
            energies.append(state.energy[None])
        if progress is not None:
            progress(step + 1, settings.n_steps)
    return LangevinRun(torch.cat(frames), torch.cat(energies), state)


def langevin_step(
    target: Target,
    state: LangevinState,
    *,
    beta: float,
    settings: LangevinSettings,
    generator: torch.Generator,
) -> LangevinState:
    """One step B A O A B; the force after it serves the next step.

    O: v' = c v + sqrt((1 - c^2) / beta) xi with c = exp(-friction dt).
    """
    half, memory = 0.5 * settings.step_size, math.exp(-settings.friction * settings.step_size)
    velocity = state.velocity + half * state.force
    x = state.x + half * velocity
    velocity = memory * velocity + math.sqrt(1 - memory**2) * _thermal(x, beta, settings, generator)
    x = x + half * velocity
    energy, force = target.energy_and_force(x)
    return LangevinState(x, velocity + half * force, energy, force)


def _thermal(x: Tensor, beta: float, settings: LangevinSettings, generator: torch.Generator) -> Tensor:
    """Velocities (N, ...) of variance 1 / beta."""
    draw = mean_free_noise if settings.mean_free else torch.randn
    return beta**-0.5 * draw(x.shape, generator=generator, dtype=x.dtype, device=x.device)
