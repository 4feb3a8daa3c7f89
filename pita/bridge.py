"""A tempered bridge from the model's density to the target's, for models too rough to land from in one step.

SMC sampler over lambda from 0 to 1 on exp(-(1 - lambda) gamma U_{h_min} - lambda beta E), steps chosen so
that the effective sample size falls to a given fraction (Jasra, Stephens, Doucet, Tsagaris, Scand. J. Stat.
38, 1, 2011), resampling and HMC on the interpolated energy at each.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from pita.annealing import AnnealedPath
from pita.distributed import local_generator
from pita.evaluation import DiffusionModel
from pita.landing import Landed, check_moves, without_nonfinite
from pita.log_weights import effective_sample_size, log_mean_exp
from pita.mcmc import HmcSettings, run_hmc
from pita.smc import Annealed, resample_ancestors
from pita.targets.base import Target

BISECTIONS = 60  # of a step in lambda: down to rounding of float64


@dataclass(frozen=True, kw_only=True)
class BridgeSettings:
    """`moves` at each value of lambda, ESS / N that a step may leave (`ess_target`), and the most steps
    allowed.
    """

    moves: HmcSettings
    ess_target: float = 0.5
    max_steps: int = 50

    def __post_init__(self) -> None:
        if not 0 < self.ess_target < 1:
            raise ValueError(f"ess_target must be in (0, 1), got {self.ess_target}")
        if self.max_steps < 1:
            raise ValueError(f"max_steps must be at least 1, got {self.max_steps}")


class Interpolation(NamedTuple):
    """The reduced energy (1 - lambda) gamma U_{h_min} + lambda beta E, as a target of its own at beta = 1."""

    model: DiffusionModel
    target: Target
    path: AnnealedPath
    beta: float
    fraction: float = 0.0

    def energy(self, x: Tensor) -> Tensor:
        """Return the reduced energy (N,) of x (N, *event)."""
        return self.energy_and_force(x)[0]

    def energy_and_force(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the reduced energy (N,) and minus its gradient (N, *event); the model is not called at
        lambda = 1.
        """
        energy, force = self.target.energy_and_force(x)
        energy, force = self.fraction * self.beta * energy, self.fraction * self.beta * force
        if self.fraction == 1:
            return energy, force
        share = (1 - self.fraction) * self.path.gamma
        model_energy, score = self.model_energy_and_score(x)
        return energy + share * model_energy, force + share * score

    def model_energy_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return U_{h_min} (N,) and -grad U_{h_min} (N, *event), in chunks."""
        h = self.path.level(self.path.settings.n_levels)
        parts = [self.model.energy_and_score(part, h) for part in x.split(self.path.chunk)]
        energies, scores = zip(*parts, strict=True)
        return torch.cat(energies), torch.cat(scores)


class BridgeStep(NamedTuple):
    """After one step: lambda, this rank's x (N, *event), the interpolated energy (N,) and force over beta,
    which are E and -dE/dx at lambda = 1, and the step's diagnostics, of all ranks.
    """

    fraction: float
    x: Tensor
    energy: Tensor
    force: Tensor
    ancestors: Tensor
    ess_fraction: float
    log_z_ratio: float
    n_nonfinite: int
    acceptance: float


def cross(
    annealed: Annealed, start: Interpolation, *, settings: BridgeSettings, generator: torch.Generator
) -> Landed:
    """Carry annealed particles over the bridge; the ESS fraction returned is the smallest of its steps.

    Each step costs one evaluation of target and model per particle besides those of its moves.
    """
    origins, log_z, smallest, n_nonfinite = annealed.origins, annealed.log_z, 1.0, 0
    for step in bridge_steps(annealed, start, settings=settings, generator=generator):
        origins = origins[step.ancestors]
        log_z += step.log_z_ratio
        smallest = min(smallest, step.ess_fraction)
        n_nonfinite += step.n_nonfinite
    return Landed(
        step.x, step.energy, step.force, smallest, len(origins.unique()), log_z, n_nonfinite, step.acceptance
    )


@torch.no_grad()
def bridge_steps(
    annealed: Annealed, start: Interpolation, *, settings: BridgeSettings, generator: torch.Generator
) -> Iterator[BridgeStep]:
    """Yield the steps of the bridge up to lambda = 1; raises RuntimeError if `max_steps` do not suffice."""
    path, moves, here = start.path, settings.moves, start
    check_moves(moves, path.space)
    communicator = path.space.communicator
    x, previous = annealed.particles
    for _ in range(settings.max_steps):
        energy = start.target.energy(x).double()
        gap = path.gamma * start.model_energy_and_score(x)[0].double() - start.beta * energy
        log_w, n_nonfinite = without_nonfinite(previous, gap, previous, path.space)
        log_w, gap = communicator.gather(log_w), communicator.gather(gap).nan_to_num(0.0, 0.0, 0.0)
        advance = largest_step(log_w, gap, limit=1 - here.fraction, ess_target=settings.ess_target)
        here = here._replace(fraction=min(here.fraction + advance, 1.0))
        after = log_w + advance * gap
        ancestors = resample_ancestors(after, path, generator)
        ratio = log_mean_exp(after) - log_mean_exp(communicator.gather(previous))
        x = communicator.gather(x)[communicator.shard(ancestors)]
        local = local_generator(communicator, generator)
        run = run_hmc(here, x, beta=1.0, settings=moves, generator=local)
        x, moves, previous = run.state.x, replace(moves, step_size=run.step_size), torch.zeros_like(previous)
        ess_fraction = effective_sample_size(after) / len(after)
        energy, force = run.state.energy / start.beta, run.state.force / start.beta
        yield BridgeStep(
            here.fraction, x, energy, force, ancestors, ess_fraction, ratio, n_nonfinite, run.acceptance
        )
        if here.fraction == 1:
            return
    raise RuntimeError(f"bridge reached lambda = {here.fraction:.3g} in max_steps={settings.max_steps}")


def largest_step(log_w: Tensor, gap: Tensor, *, limit: float, ess_target: float) -> float:
    """Return the largest step t in (0, limit] that keeps ESS(log_w + t gap) at `ess_target` of ESS(log_w), by
    bisection.

    log_w, gap: (N,) of the whole population; gap finite.
    """
    wanted = ess_target * effective_sample_size(log_w)
    if effective_sample_size(log_w + limit * gap) >= wanted:
        return limit
    low, high = 0.0, limit
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if effective_sample_size(log_w + middle * gap) >= wanted:
            low = middle
        else:
            high = middle
    return high
