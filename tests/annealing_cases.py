"""Gaussian cases with known answers, on which the production annealer runs in the tests."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pita.annealing import AnnealedPath, AnnealingSettings
from pita.distributed import Communicator, SingleProcess
from pita.smc import Annealed, anneal
from pita.space import ParticleSpace
from pita.targets.gaussian import GaussianMixture

SIGMA_MIN, SIGMA_MAX = 0.05, 10.0


@dataclass(frozen=True)
class ScaledScore:
    """A model whose score is wrong by a factor, and whose energy is right."""

    exact: GaussianMixture
    factor: float

    def score(self, x: Tensor, h: Tensor) -> Tensor:
        return self.factor * self.exact.score(x, h)

    def energy(self, x: Tensor, h: Tensor) -> Tensor:
        return self.exact.energy(x, h)

    def energy_and_score(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        return self.exact.energy_and_score(x, h)


def isotropic(variance: float, *, n_atoms: int = 5) -> GaussianMixture:
    """One Gaussian of n_atoms in three dimensions without centre of mass."""
    one = torch.ones(1, dtype=torch.float64)
    return GaussianMixture(torch.zeros(1, n_atoms, 3).double(), variance * one, one, mean_free=True)


def two_modes(n_dim: int = 10) -> GaussianMixture:
    """Two well separated modes of unequal mass and width."""
    means = torch.zeros(2, n_dim, dtype=torch.float64)
    means[:, 0] = torch.tensor([-1.0, 1.0])
    variances = torch.tensor([0.06, 0.09], dtype=torch.float64)
    return GaussianMixture(means, variances, torch.tensor([0.7, 0.3], dtype=torch.float64))


def noised(mixture: GaussianMixture) -> GaussianMixture:
    """The mixture at the smallest noise level of `path_of`, where annealing ends."""
    return GaussianMixture(
        mixture.means, mixture.variances + SIGMA_MIN**2, mixture.weights, mean_free=mixture.mean_free
    )


def path_of(
    mixture: GaussianMixture,
    *,
    gamma: float,
    data_variance: float | None = None,
    communicator: Communicator | None = None,
    dtype: torch.dtype = torch.float64,
    **settings: object,
) -> AnnealedPath:
    """A path of 50 energy-weighted steps from SIGMA_MAX to SIGMA_MIN, unless the settings say otherwise."""
    defaults = {
        "n_levels": 50,
        "sigma_min": SIGMA_MIN,
        "sigma_max": SIGMA_MAX,
        "weighting": "energy_kernel_ratio",
    }
    space = ParticleSpace(
        event_shape=tuple(mixture.means.shape[1:]),
        mean_free=mixture.mean_free,
        dtype=dtype,
        communicator=communicator or SingleProcess(),
    )
    return AnnealedPath(
        gamma=gamma,
        data_variance=data_variance or mixture.variances.mean().item(),
        settings=AnnealingSettings(**defaults | settings),
        space=space,
    )


def run(
    model: object, path: AnnealedPath, *, n_particles: int = 1000, seed: int = 1, **options: object
) -> Annealed:
    """Anneal with a seeded generator."""
    generator = torch.Generator().manual_seed(seed)
    return anneal(model, path, n_particles=n_particles, generator=generator, **options)


def left_mass(x: Tensor, log_w: Tensor) -> float:
    """Weighted share of particles (N, d) in the mode at negative first coordinate."""
    return (torch.softmax(log_w, 0) * (x[:, 0] < 0)).sum().item()


def width(x: Tensor, log_w: Tensor) -> float:
    """Weighted mean variance of the coordinates (N, d) but the first, which have mean 0."""
    return (torch.softmax(log_w, 0) * x[:, 1:].square().mean(1)).sum().item()
