"""Annealing that begins from samples of the temperature above, noised a little, in place of pure noise.

A rung of a ladder has samples of its own temperature, with their energies. A particle that begins at one of
them goes up the noise to a level of `sigma`, at inverse temperature beta, and down again while gamma rises
level by level from 1 to that of the path. Weights telescope over both ways,

    log w = beta E(x_0) - U_n(x_0)                                  from the Boltzmann density to the model's
          + sum over k = n - 1 .. m of U_{k+1}(x) - U_k(x') + log B(x | x') - log F(x' | x)           up
          + sum over k = m .. n - 1 of the kernel ratio at gamma_k - (gamma_{k+1} - gamma_k) U_{k+1}      down

with F = N(x, dh) the noising kernel, B = N(x' + dh s_k(x'), dh (1 - delta)) the diffusion's own way back, n
the last level and m the first below sigma, so that with a landing they are exact for any model (Neal, Stat.
Comput. 11, 125 (2001); Del Moral, Doucet, Jasra 2006). What the model has wrong of a basin is paid on the way
up and paid back on the way down: a basin that a model knows badly keeps its share, where particles from pure
noise lose it. The price is that particles remember the samples they began at: little is new but what noise of
`sigma` blurs.

On the way down particles are resampled by what they have gathered since the turn alone; the rest, which the
landing is about to cancel, they carry.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from pita.annealing import AnnealedPath, AnnealingSettings
from pita.evaluation import DiffusionModel
from pita.log_weights import effective_sample_size
from pita.smc import Annealed, State, finish, follow, step, weighed
from pita.weightings import build_weighting

WEIGHTING = "energy_kernel_ratio"  # of which both ways are exact


class Beginning(NamedTuple):
    """Samples x (n, *event) of the Boltzmann density at the source temperature and beta E of each, (n,)."""

    x: Tensor
    reduced_energy: Tensor


def check_renoised(settings: AnnealingSettings, *, sigma: float) -> None:
    """Raise ValueError unless the way up to noise `sigma` (unit of x) is on the path, with exact weights."""
    settings.first_below(sigma)
    if settings.weighting != WEIGHTING:
        raise ValueError(f"renoised annealing needs {WEIGHTING}, got {settings.weighting!r}")


@torch.no_grad()
def anneal_renoised(
    model: DiffusionModel,
    path: AnnealedPath,
    beginning: Beginning,
    *,
    sigma: float,
    generator: torch.Generator,
    progress: Callable[[int, float], None] | None = None,
) -> Annealed:
    """Carry one particle for each sample up to noise `sigma` (unit of x) and down to h_min at path.gamma.

    `progress(levels done, ESS fraction)` counts the levels of both ways. The trace is of the way down;
    `log_z` is relative to the Boltzmann density begun from. ValueError for weights other than the energy's
    kernel ratio, or where several processes share a population.
    """
    check_renoised(path.settings, sigma=sigma)
    if path.space.communicator.size > 1:
        raise ValueError(f"renoised annealing needs one process, got {path.space.communicator.size}")
    first, n_levels = path.settings.first_below(sigma), path.settings.n_levels
    state = _risen(model, path, beginning, first, generator, progress)

    def gamma(k: int) -> float:
        return 1 + (path.gamma - 1) * (k - first) / (n_levels - first)

    def move(state: State, k: int) -> tuple[State, float]:
        here = replace(path, gamma=gamma(k))
        weighting = build_weighting(here, generator=generator)
        moved, spread = step(model, here, weighting, state, k, generator)
        colder = -(gamma(k + 1) - gamma(k)) * moved.here.energy.double()
        return weighed(moved, path, colder), spread

    def told(done: int, ess_fraction: float) -> None:
        if progress is not None:
            progress(n_levels - first + done, ess_fraction)

    state, trace = follow(move, state, path, first=first, generator=generator, progress=told)
    return finish(state, path, trace, generator)


def _risen(
    model: DiffusionModel,
    path: AnnealedPath,
    beginning: Beginning,
    first: int,
    generator: torch.Generator,
    progress: Callable[[int, float], None] | None,
) -> State:
    """Return the particles at level `first`, which carry the log-weights that they have gathered."""
    space, n_levels = path.space, path.settings.n_levels
    weighting = build_weighting(replace(path, gamma=1.0), generator=generator)
    x = space.project(beginning.x.to(space.device, space.dtype))
    here = weighting.evaluate(model, x, path.level(n_levels))
    log_w = beginning.reduced_energy.to(space.device).double() - here.energy.double()
    for k in range(n_levels - 1, first - 1, -1):
        dh = path.step_size(k)
        up = x + dh**0.5 * space.noise(len(x), generator=generator)
        there = weighting.evaluate(model, up, path.level(k))
        back = space.log_normal(x - up - dh * space.project(there.transport), dh * (1 - path.contraction(k)))
        change = here.energy.double() - there.energy.double() + back - space.log_normal(up - x, dh)
        log_w = torch.where(change.isfinite(), log_w + change, -torch.inf)
        x, here = up, there
        if progress is not None:
            progress(n_levels - k, effective_sample_size(log_w) / len(log_w))
    alive = log_w.isfinite()
    return State(
        x=x,
        log_w=torch.where(alive, 0.0, -torch.inf).double(),
        log_p=-here.energy.double(),
        here=here,
        origins=torch.arange(len(x), device=x.device),
        log_z=0.0,
        carried=torch.where(alive, log_w, 0.0),
        n_nonfinite=int((~alive).sum()),
    )
