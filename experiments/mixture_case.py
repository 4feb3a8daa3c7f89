"""One weighting on a Gaussian mixture whose answer is exact.

Two modes of unequal width are annealed from p to p^gamma with exact score and energy, so that every error is
one of the weighting and of the step.
"""

from dataclasses import dataclass

import torch

from pita.annealing import AnnealedPath, AnnealingSettings, NetworkName, WeightingName
from pita.log_weights import normalise
from pita.smc import anneal
from pita.space import ParticleSpace
from pita.targets.gaussian import GaussianMixture


@dataclass(frozen=True, kw_only=True)
class Density:
    """Modes on the first axis, at -1 and 1, with variances (squared unit of length) and weights."""

    n_dim: int
    variances: tuple[float, float]
    weights: tuple[float, float]

    def mixture(self, *, h: float = 0.0) -> GaussianMixture:
        """The mixture under noise of variance h."""
        means = torch.zeros(2, self.n_dim)
        means[:, 0] = torch.tensor([-1.0, 1.0])
        return GaussianMixture(means, torch.tensor(self.variances) + h, torch.tensor(self.weights))


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Range of the noise levels, unit of length."""

    sigma_min: float
    sigma_max: float


@dataclass(frozen=True, kw_only=True)
class Weighting:
    """What tells one weighting from another; names as in `AnnealingSettings`."""

    weighting: WeightingName
    langevin: NetworkName
    matched_variances: bool
    n_probes: int

    def network_passes(self, n_dim: int) -> int:
        """Passes through a network per particle and level; forward, transposed and tangent count one each.

        Score 1; energy with gradient 2; the divergence one per direction; dU/dh 2.
        """
        passes = 1 + (2 if self.langevin == "energy" else 0)
        if self.weighting == "feynman_kac":
            passes += (self.n_probes or n_dim) + 2
        return passes


@dataclass(frozen=True, kw_only=True)
class Case:
    """A population of `n_particles` annealed to p^gamma."""

    gamma: float
    n_particles: int
    density: Density
    noise: Noise

    def exact(self) -> dict[str, float]:
        """Mass of the first mode, variance across the axis of the modes, and log Z, all at sigma_min."""
        noised = self.density.mixture(h=self.noise.sigma_min**2)
        annealed = noised.annealed(self.gamma)
        return {
            "mode_mass": annealed.weights[0].item(),
            "variance": (annealed.weights * annealed.variances).sum().item(),
            "log_z": noised.annealed_log_z(self.gamma),
        }

    def independent_errors(self) -> dict[str, float]:
        """Standard errors of mass and variance from as many independent draws of the annealed density.

        The mean of n = d - 1 squared Gaussians of variance c has the second moment c^2 (1 + 2/n).
        """
        annealed = self.density.mixture(h=self.noise.sigma_min**2).annealed(self.gamma)
        mass, variance = annealed.weights[0].item(), self.exact()["variance"]
        second = (annealed.weights * annealed.variances**2).sum().item() * (1 + 2 / (self.density.n_dim - 1))
        return {
            "mode_mass": (mass * (1 - mass) / self.n_particles) ** 0.5,
            "variance": ((second - variance**2) / self.n_particles) ** 0.5,
        }

    def estimate(self, weighting: Weighting, *, n_steps: int, generator: torch.Generator) -> dict[str, float]:
        """The quantities of `exact` from one annealed population; log Z only where there are weights."""
        mixture = self.density.mixture()
        settings = AnnealingSettings(
            **vars(self.noise),
            **vars(weighting),
            n_levels=n_steps,
            resample_at_end=False,
            chunk=self.n_particles,
        )
        path = AnnealedPath(
            gamma=self.gamma,
            data_variance=(mixture.weights * mixture.variances).sum().item(),
            settings=settings,
            space=ParticleSpace(event_shape=(self.density.n_dim,), mean_free=False),
        )
        annealed = anneal(mixture, path, n_particles=self.n_particles, generator=generator)
        x, w = annealed.particles.x.double(), normalise(annealed.particles.log_w)
        estimates = {
            "mode_mass": (w * (x[:, 0] < 0)).sum().item(),
            "variance": (w * x[:, 1:].square().mean(1)).sum().item(),
        }
        return estimates if weighting.weighting == "unweighted" else estimates | {"log_z": annealed.log_z}
