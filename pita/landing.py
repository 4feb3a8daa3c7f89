"""Landing: weights from the model's density at the smallest noise level to the Boltzmann density of the
target itself.

log w += -beta_next E(x) - gamma log p_{h_min}(x), one energy evaluation per particle, then resampling, then
moves of HMC on the true energy, if any. Where log p is the sum of the path's own kernel ratios
(`score_kernel_ratio`), what remains is the importance weight of the whole path, which is exact whatever the
score.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pita.annealing import AnnealedPath
from pita.distributed import local_generator
from pita.log_weights import effective_sample_size, log_mean_exp
from pita.mcmc import ChainState, HmcSettings, run_hmc
from pita.smc import Annealed, resample_ancestors
from pita.space import ParticleSpace
from pita.targets.base import Target


@dataclass(frozen=True, kw_only=True)
class LandingSettings:
    """`power` in [0, 1] of the landing's log-weight that is applied: 1 is exact, 0 leaves the model's
    density.

    `thin`: every thin-th of the resampled particles is kept, so that a large population, cheap in
    energies, leaves few duplicates. `moves`: HMC at beta_next on the true energy afterwards, all of them
    counted by the target; None for no moves.
    """

    power: float = 1.0
    thin: int = 1
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
    `acceptance` of this rank's moves, NaN without.
    """

    x: Tensor
    energy: Tensor
    force: Tensor
    ess_fraction: float
    n_unique_ancestors: int
    log_z: float
    n_nonfinite: int
    acceptance: float


@torch.no_grad()
def land(
    annealed: Annealed,
    target: Target,
    path: AnnealedPath,
    *,
    beta: float,
    settings: LandingSettings,
    generator: torch.Generator,
) -> Landed:
    """Weigh annealed particles by exp(-beta E) / p^gamma to the given power, resample, and move; beta in 1 /
    unit of E.
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
