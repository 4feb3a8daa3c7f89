"""Landing: weights from the model's density at the smallest noise level to the Boltzmann density of the
target itself.

log w += -beta_next E(x) - gamma log p_{h_min}(x), one energy evaluation per particle, then resampling, then
moves of HMC on the true energy, if any. Where log p is the sum of the path's own kernel ratios
(`score_kernel_ratio`), what remains is the importance weight of the whole path, which is exact whatever the
score.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pita.annealing import AnnealedPath
from pita.distributed import local_generator
from pita.evaluation import DiffusionModel
from pita.log_weights import effective_sample_size, log_mean_exp
from pita.mcmc import ChainState, HmcSettings, run_hmc, surrogate_move
from pita.smc import Annealed, resample_ancestors
from pita.space import ParticleSpace
from pita.targets.base import Target


@dataclass(frozen=True, kw_only=True)
class SurrogateSettings:
    """Moves along the model's forces, `n_leapfrog` steps of `step_size` (reduced time) each."""

    n_moves: int
    n_leapfrog: int
    step_size: float

    def __post_init__(self) -> None:
        for name in ("n_moves", "n_leapfrog", "step_size"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class LandingSettings:
    """`power` in [0, 1] of the landing's log-weight that is applied: 1 is exact, 0 leaves the model's
    density.

    `thin`: every thin-th of the resampled particles is kept, so that a large population, cheap in
    energies, leaves few duplicates. `surrogate`: HMC at beta_next along the forces of the model afterwards,
    accepted by the true energy, of which a move costs one evaluation; then `moves`: HMC on the true energy.
    All evaluations are counted by the target; None for no moves.
    """

    power: float = 1.0
    thin: int = 1
    surrogate: SurrogateSettings | None = None
    moves: HmcSettings | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.power <= 1:
            raise ValueError(f"power must be in [0, 1], got {self.power}")
        if self.thin < 1:
            raise ValueError(f"thin must be at least 1, got {self.thin}")


class Landed(NamedTuple):
    """Equally weighted samples of the target and how they were reached.

    `x` (n, *event), `energy` E(x) (n,) and `force` -dE/dx of this rank. Of all ranks: `ess_fraction` ESS / N
    of the weights before resampling, `n_unique_ancestors` first particles with offspring, `log_z` of the
    density landed on (of exp(-beta E) at power 1), `n_nonfinite` particles removed for a non-finite energy.
    `acceptance` of this rank's moves, and of those along the model, NaN without.
    """

    x: Tensor
    energy: Tensor
    force: Tensor
    ess_fraction: float
    n_unique_ancestors: int
    log_z: float
    n_nonfinite: int
    acceptance: float
    surrogate_acceptance: float = math.nan


@torch.no_grad()
def land(
    annealed: Annealed,
    target: Target,
    path: AnnealedPath,
    *,
    beta: float,
    settings: LandingSettings,
    generator: torch.Generator,
    model: DiffusionModel | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> Landed:
    """Weigh annealed particles by exp(-beta E) / p^gamma to the given power, resample, and move; beta in 1 /
    unit of E. `model`: what surrogate moves follow; `progress(moves done, ESS fraction)` is told of them.
    """
    if settings.power > 0 and annealed.log_p is None:
        raise ValueError(f"power={settings.power} needs log p of the path, which unweighted annealing lacks")
    particles, communicator = annealed.particles, path.space.communicator
    here = ChainState(particles.x, *target.energy_and_force(particles.x))
    energy, log_w = here.energy.double(), particles.log_w
    if settings.power > 0:
        log_w = log_w + settings.power * (-beta * energy - path.gamma * annealed.log_p)
    log_w, n_nonfinite = without_nonfinite(log_w, energy, particles.log_w, path.space)
    before, after = communicator.gather(particles.log_w), communicator.gather(log_w)
    ancestors = resample_ancestors(after, path, generator)
    mine = communicator.shard(ancestors)[:: settings.thin]
    here = ChainState(*(communicator.gather(values)[mine] for values in here))
    landed = Landed(
        *here,
        ess_fraction=effective_sample_size(after) / len(after),
        n_unique_ancestors=len(annealed.origins[communicator.gather(mine)].unique()),
        log_z=annealed.log_z - log_mean_exp(before) + log_mean_exp(after),
        n_nonfinite=n_nonfinite,
        acceptance=float("nan"),
    )
    if settings.surrogate is not None:
        landed = _along_model(landed, target, path, model, beta, settings.surrogate, generator, progress)
        here = ChainState(landed.x, landed.energy, landed.force)
    if settings.moves is None:
        return landed
    check_moves(settings.moves, path.space)
    run = run_hmc(
        target,
        here,
        beta=beta,
        settings=settings.moves,
        generator=local_generator(communicator, generator),
    )
    return landed._replace(**run.state._asdict(), acceptance=run.acceptance)


def _along_model(
    landed: Landed,
    target: Target,
    path: AnnealedPath,
    model: DiffusionModel | None,
    beta: float,
    settings: SurrogateSettings,
    generator: torch.Generator,
    progress: Callable[[int, float], None] | None,
) -> Landed:
    """Return the samples after moves along the model at h_min, gamma U taken for beta E."""
    if model is None:
        raise ValueError("surrogate moves need the model, got none")
    h, scale = path.level(path.settings.n_levels), path.gamma / beta

    def force(x: Tensor) -> Tensor:
        parts = [model.energy_and_score(part, h)[1] for part in x.split(path.chunk)]
        return scale * path.space.project(torch.cat(parts))

    state, accepted = ChainState(landed.x, landed.energy, landed.force), 0.0
    own = local_generator(path.space.communicator, generator)
    for move in range(settings.n_moves):
        state, info = surrogate_move(
            target,
            force,
            state,
            beta=beta,
            step_size=settings.step_size,
            n_leapfrog=settings.n_leapfrog,
            generator=own,
            mean_free=path.space.mean_free,
        )
        accepted += float(info.accepted.double().mean()) / settings.n_moves
        if progress is not None:
            progress(move + 1, landed.ess_fraction)
    return landed._replace(**state._asdict(), surrogate_acceptance=accepted)


def without_nonfinite(
    log_w: Tensor, energy: Tensor, previous: Tensor, space: ParticleSpace
) -> tuple[Tensor, int]:
    """Return log_w with -inf where the energy is not finite, and how many particles of all ranks died of it;
    (N,) each.
    """
    finite = energy.isfinite() & log_w.isfinite()
    n_lost = int(space.communicator.gather((~finite & (previous > -torch.inf)).int()).sum())
    return torch.where(finite, log_w, -torch.inf), n_lost


def check_moves(moves: HmcSettings, space: ParticleSpace) -> None:
    """Raise ValueError where moves would leave the particles' space."""
    if moves.mean_free != space.mean_free:
        raise ValueError(f"moves.mean_free={moves.mean_free} but the space has mean_free={space.mean_free}")
