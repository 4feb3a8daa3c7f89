"""Relaxation of configurations to the minimum of the basin they lie in (their inherent structure).

Fast inertial relaxation, Bitzek, Koskinen, Gaehler, Moseler, Gumbsch, Phys. Rev. Lett. 97, 170201 (2006):
damped dynamics whose velocity is turned towards the force, and stopped where it would climb. The
parameters are those of the paper; each configuration has its own time step.
"""

import torch
from torch import Tensor

from pita.targets.base import Target

N_WAIT, GROW, SHRINK, MIX, MIX_SHRINK = 5, 1.1, 0.5, 0.1, 0.99
LARGEST_STEP = 0.1  # of one configuration, unit of x: no atom jumps through another


def quench(target: Target, x: Tensor, *, n_steps: int, dt: float, largest_dt: float) -> tuple[Tensor, Tensor]:
    """Relax `x` for `n_steps` force evaluations each; returns minima and the largest force component left.

    x: (N, n_atoms, 3) -> (N, n_atoms, 3) and (N,), energy per length; dt in reduced time.
    """
    force = target.energy_and_force(x)[1]
    velocity = torch.zeros_like(x)
    step = torch.full((len(x), 1, 1), dt, dtype=x.dtype, device=x.device)
    mix = torch.full_like(step, MIX)
    downhill = torch.zeros_like(step)
    for _ in range(n_steps - 1):
        power = _sum(force * velocity)
        along = _sum(velocity.square()).sqrt() * _direction(force)
        falling = power > 0
        downhill = torch.where(falling, downhill + 1, 0)
        velocity = torch.where(falling, (1 - mix) * velocity + mix * along, 0)
        eager = falling & (downhill > N_WAIT)
        step = torch.where(
            eager, (step * GROW).clamp(max=largest_dt), torch.where(falling, step, step * SHRINK)
        )
        mix = torch.where(eager, mix * MIX_SHRINK, torch.where(falling, mix, MIX))
        velocity = velocity + step * force
        move = step * velocity
        x = x + move * (LARGEST_STEP / _sum(move.square()).sqrt().clamp(min=LARGEST_STEP))
        force = target.energy_and_force(x)[1]
    return x, force.abs().amax((1, 2))


def _sum(values: Tensor) -> Tensor:
    return values.sum((1, 2), keepdim=True)


def _direction(force: Tensor) -> Tensor:
    return force / _sum(force.square()).sqrt().clamp(min=torch.finfo(force.dtype).tiny)
