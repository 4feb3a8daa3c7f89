"""Sequential Monte Carlo along an annealed path: move, weigh, and resample when the weights have spread.

Del Moral, Doucet, Jasra, J. R. Stat. Soc. B 68, 411 (2006). Each particle costs one evaluation of the model
per level.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pita.annealing import AnnealedPath
from pita.distributed import check_same_seed
from pita.evaluation import DiffusionModel, Evaluation
from pita.log_weights import effective_sample_size, log_mean_exp
from pita.resampling import RESAMPLERS
from pita.weightings import Step, WeightingScheme, build_weighting


class Particles(NamedTuple):
    """Configurations `x` (N, *event) of one rank and their unnormalised log-weights `log_w` (N,) float64."""

    x: Tensor
    log_w: Tensor


class Trace(NamedTuple):
    """One float64 entry per level reached, of the whole population.

    `h` of the level; `ess_fraction` ESS / N before resampling; `log_w_std` of the step's increments;
    `n_unique_ancestors` first particles that still have offspring; `resampled` 0 or 1.
    """

    h: Tensor
    ess_fraction: Tensor
    log_w_std: Tensor
    n_unique_ancestors: Tensor
    resampled: Tensor


class Annealed(NamedTuple):
    """Where an annealing ended.

    `log_p` (N,) estimates log p_{h_min}(x), None if unweighted; `origins` (N of all ranks,) int64 the first
    ancestors; `log_z` estimates log of the integral of exp(-gamma U_{h_min}). Counters over all levels and
    ranks.
    """

    particles: Particles
    log_p: Tensor | None
    origins: Tensor
    trace: Trace
    log_z: float
    n_nonfinite: int
    n_clipped: int


class State(NamedTuple):
    """A population on its way, `here` the model at its level; the rest as in `Annealed`.

    `carried` (N,) float64: log-weights that resampling leaves out and offspring inherit.
    """

    x: Tensor
    log_w: Tensor
    log_p: Tensor | None
    here: Evaluation
    origins: Tensor
    log_z: float
    carried: Tensor
    n_nonfinite: int = 0
    n_clipped: int = 0


@torch.no_grad()
def anneal(
    model: DiffusionModel,
    path: AnnealedPath,
    *,
    n_particles: int,
    generator: torch.Generator,
    progress: Callable[[int, float], None] | None = None,
    compiled: bool = False,
) -> Annealed:
    """Carry n_particles (over all ranks) from h_max to h_min; `progress(levels done, ESS fraction)` follows.

    `compiled`: what the weighting differentiates goes through torch.compile.
    A particle whose increment is not finite gets log_w = -inf and is counted.
    """
    if n_particles < 1 or n_particles % path.space.communicator.size:
        size = path.space.communicator.size
        raise ValueError(f"n_particles must be a positive multiple of {size} ranks, got {n_particles}")
    check_same_seed(path.space.communicator, generator)
    weighting = build_weighting(path, generator=generator, compiled=compiled)
    state = _start(model, path, weighting, n_particles, generator)

    def move(state: State, k: int) -> tuple[State, float]:
        return step(model, path, weighting, state, k, generator)

    state, trace = follow(move, state, path, generator=generator, progress=progress)
    return finish(state, path, trace, generator)


def follow(
    move: Callable[[State, int], tuple[State, float]],
    state: State,
    path: AnnealedPath,
    *,
    generator: torch.Generator,
    progress: Callable[[int, float], None] | None,
    first: int = 0,
) -> tuple[State, Trace]:
    """Move a population from level `first` down to the last, resampling where its weights have spread.

    `move(state, k)` returns the weighed state of level k + 1 and the spread of the increments. A population
    that died out is moved no further; the rest of its trace is zero.
    """
    rows, n_levels = [], path.settings.n_levels
    for k in range(first, n_levels):
        state, log_w_std = move(state, k)
        log_w = path.space.communicator.gather(state.log_w)
        if _died_out(log_w):
            rows += [(h, 0.0, 0.0, 0, False) for h in path.levels[k + 1 :]]
            if progress is not None:
                for level in range(k, n_levels):
                    progress(level + 1 - first, 0.0)
            break
        log_w = _capped(log_w, path)
        ess_fraction = effective_sample_size(log_w) / len(log_w)
        resampled = ess_fraction < path.settings.ess_threshold
        if resampled:
            state = resample(state, log_w, path, generator)
        n_ancestors = len(state.origins.unique())
        rows.append((path.levels[k + 1], ess_fraction, log_w_std, n_ancestors, resampled))
        if progress is not None:
            progress(k + 1 - first, ess_fraction)
    return state, Trace(*torch.tensor(rows, dtype=torch.float64).T)


def _start(
    model: DiffusionModel,
    path: AnnealedPath,
    weighting: WeightingScheme,
    n_particles: int,
    generator: torch.Generator,
) -> State:
    """Draw x ~ N(0, prior variance) with log w = gamma log p - log prior."""
    x = path.prior_variance**0.5 * path.space.noise(n_particles, generator=generator)
    here = weighting.evaluate(model, x, path.level(0))
    log_p = weighting.initial_log_p(x, here)
    origins = torch.arange(n_particles, device=x.device)
    zero = x.new_zeros(len(x), dtype=torch.float64)
    state = State(x, zero, log_p, here, origins, 0.0, carried=zero)
    if log_p is None:
        return state
    return weighed(state, path, path.gamma * log_p - path.space.log_normal(x, path.prior_variance))


def step(
    model: DiffusionModel,
    path: AnnealedPath,
    weighting: WeightingScheme,
    state: State,
    k: int,
    generator: torch.Generator,
) -> tuple[State, float]:
    """Move all particles from level k to k + 1 and weigh them; also the spread of the increments."""
    dh, (variance, _) = path.step_size(k), path.kernel_variances[k]
    noise = path.space.noise(len(state.origins), generator=generator)
    x_next = state.x + dh * path.forward_drift(state.here) + variance**0.5 * noise
    finite = x_next.flatten(1).isfinite().all(dim=1)
    x_next = torch.where(finite.reshape(-1, *[1] * (x_next.ndim - 1)), x_next, state.x)
    there = weighting.evaluate(model, x_next, path.level(k + 1))
    increment = weighting.increment(Step(k, state.x, x_next, state.here, there, dh))
    log_w = torch.where(finite & increment.log_w.isfinite(), increment.log_w, -torch.inf)
    population = path.space.communicator.gather(log_w)
    population = population[population.isfinite()]
    cap = torch.quantile(population, path.settings.clip_quantile).item() if len(population) else 0.0
    moved = state._replace(
        x=x_next,
        here=there,
        log_p=None if state.log_p is None else state.log_p + increment.log_p,
        n_clipped=state.n_clipped + int((population > cap).sum()),
    )
    spread = population.std().item() if len(population) > 1 else 0.0
    return weighed(moved, path, log_w.clamp(max=cap)), spread


def weighed(state: State, path: AnnealedPath, increment: Tensor) -> State:
    """Add the increments to the log-weights; a particle whose increment is not finite dies and is counted."""
    finite = increment.isfinite()
    lost = path.space.communicator.gather((~finite & (state.log_w > -torch.inf)).int())
    log_w = torch.where(finite, state.log_w + increment, -torch.inf)
    return state._replace(log_w=log_w, n_nonfinite=state.n_nonfinite + int(lost.sum()))


def resample_ancestors(log_w: Tensor, path: AnnealedPath, generator: torch.Generator) -> Tensor:
    """Return the ancestors (N,) of the whole population from its log-weights (N,), equal on every rank."""
    return RESAMPLERS[path.settings.resampler](log_w, generator=generator)


def _died_out(log_w: Tensor) -> bool:
    """Return whether no particle of a population is alive; NaN is left to who normalises the weights."""
    return log_w.max().item() == -math.inf


def _capped(log_w: Tensor, path: AnnealedPath) -> Tensor:
    """Return the log-weights by which a population is resampled, at most a multiple of the median of those
    alive.
    """
    if path.settings.offspring_cap == math.inf:
        return log_w
    alive = log_w[log_w > -torch.inf]
    return log_w.clamp(max=alive.median().item() + math.log(path.settings.offspring_cap))


def resample(state: State, log_w: Tensor, path: AnnealedPath, generator: torch.Generator) -> State:
    """Replace the population by offspring in proportion to exp(log_w) of all ranks, (N,).

    Their mean goes into log Z; by how much a particle's own weight exceeds its log_w is carried.
    """
    ancestors = resample_ancestors(log_w, path, generator)
    mine = path.space.communicator.shard(ancestors)

    def inherit(values: Tensor) -> Tensor:
        return path.space.communicator.gather(values)[mine]

    return state._replace(
        x=inherit(state.x),
        log_w=torch.zeros_like(state.log_w),
        log_p=None if state.log_p is None else inherit(state.log_p),
        here=state.here.map(inherit),
        origins=state.origins[ancestors],
        log_z=state.log_z + log_mean_exp(log_w),
        carried=inherit(state.carried) + inherit(state.log_w) - log_w[mine],
    )


def finish(state: State, path: AnnealedPath, trace: Trace, generator: torch.Generator) -> Annealed:
    """Put back what was carried, resample or not, remove the last noise or not, and complete log Z, which is
    -inf of a population that died out.
    """
    state = state._replace(log_w=state.log_w + state.carried, carried=torch.zeros_like(state.carried))
    log_w = path.space.communicator.gather(state.log_w)
    died_out = _died_out(log_w)
    log_z = -math.inf if died_out else state.log_z + log_mean_exp(log_w)
    if path.settings.resample_at_end and not died_out:
        state = resample(state, log_w, path, generator)
    x = state.x
    if path.settings.denoise:
        x = x + path.levels[-1] * path.space.project(state.here.transport)
    return Annealed(
        Particles(x, state.log_w),
        state.log_p,
        state.origins,
        trace,
        log_z,
        state.n_nonfinite,
        state.n_clipped,
    )
