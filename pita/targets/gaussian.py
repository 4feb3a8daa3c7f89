"""Mixture of isotropic Gaussians: density, energy and score are exact at every noise level h.

Ground truth of the tests. Noise of variance h widens mode m from variances[m] to variances[m] + h; annealing
to p^gamma leaves well-separated modes Gaussian: variance c / gamma, mass w^gamma c^(d (1 - gamma) / 2).
As a target its energy is E(x) = -log p_0(x), so Z = 1 at beta = 1.
"""

import math

import torch
from torch import Tensor


class GaussianMixture:
    """p_h(x) = sum_m weights[m] N(x; means[m], variances[m] + h), over events of any shape.

    means: (M, *event), variances: (M,), weights: (M,), normalised here. With ``mean_free`` an event is
    (n_atoms, 3) without centre of mass, and densities are those of the n_dof = 3 (n_atoms - 1) subspace.
    """

    def __init__(self, means: Tensor, variances: Tensor, weights: Tensor, *, mean_free: bool = False) -> None:
        if variances.shape != means.shape[:1] or weights.shape != means.shape[:1]:
            shapes = [tuple(a.shape) for a in (means, variances, weights)]
            raise ValueError(f"means, variances, weights must share their first size, got shapes {shapes}")
        if not bool((variances > 0).all() and (weights > 0).all()):
            raise ValueError(f"variances and weights must be positive, got {variances}, {weights}")
        if mean_free and (
            means.ndim != 3 or not torch.allclose(means.mean(1), means.new_zeros(()), atol=1e-6)
        ):
            raise ValueError(f"mean_free needs centred means (M, n_atoms, 3), got shape {tuple(means.shape)}")
        self.means = means
        self.variances = variances
        self.weights = weights / weights.sum()
        self.mean_free = mean_free
        self.n_atoms = means.shape[1] if mean_free else 1
        self.n_dof = means[0].numel() - (3 if mean_free else 0)

    def log_density(self, x: Tensor, h: float | Tensor = 0.0) -> Tensor:
        """Return log p_h(x), normalised; x: (N, *event) -> (N,)."""
        return torch.logsumexp(self._log_terms(x, h), dim=1)

    def energy(self, x: Tensor, h: float | Tensor = 0.0) -> Tensor:
        """Return E_h(x) = -log p_h(x), dimensionless; x: (N, *event) -> (N,)."""
        return -self.log_density(x, h)

    def score(self, x: Tensor, h: float | Tensor = 0.0) -> Tensor:
        """Return grad_x log p_h(x); x: (N, *event) -> (N, *event)."""
        return self._score(x, h, self._log_terms(x, h))

    def energy_and_score(self, x: Tensor, h: float | Tensor = 0.0) -> tuple[Tensor, Tensor]:
        """Return E_h(x) (N,) and grad_x log p_h(x) (N, *event); x: (N, *event)."""
        log_terms = self._log_terms(x, h)
        return -torch.logsumexp(log_terms, dim=1), self._score(x, h, log_terms)

    def energy_and_force(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return E (N,) and the force -dE/dx (N, *event) without noise, as a target; x: (N, *event)."""
        return self.energy_and_score(x)

    def sample(self, n: int, *, generator: torch.Generator, h: float = 0.0) -> Tensor:
        """Draw n independent events of p_h; returns (n, *event)."""
        mode = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        shape = (n, *self.means.shape[1:])
        noise = torch.randn(shape, generator=generator, dtype=self.means.dtype, device=self.means.device)
        if self.mean_free:
            noise = noise - noise.mean(dim=1, keepdim=True)
        sigma = (self.variances + h).sqrt()[mode]
        return self.means[mode] + self._broadcast(sigma) * noise

    def annealed(self, gamma: float) -> "GaussianMixture":
        """Return p_0^gamma / Z_gamma, exact up to the overlap of the modes (for one mode: exact)."""
        log_mass = self._annealed_log_masses(gamma)
        weights = torch.softmax(log_mass, dim=0).to(self.weights.dtype)
        return GaussianMixture(self.means, self.variances / gamma, weights, mean_free=self.mean_free)

    def annealed_log_z(self, gamma: float) -> float:
        """Return log of Z_gamma = integral of p_0^gamma, exact up to the overlap of the modes.

        Z_gamma = sum_m w_m^gamma (2 pi c_m)^(d (1 - gamma) / 2) gamma^(-d / 2).
        """
        return torch.logsumexp(self._annealed_log_masses(gamma), dim=0).item()

    def responsibilities(self, x: Tensor, h: float | Tensor = 0.0) -> Tensor:
        """Return the posterior probability of each mode; x: (N, *event) -> (N, M)."""
        return torch.softmax(self._log_terms(x, h), dim=1)

    def _annealed_log_masses(self, gamma: float) -> Tensor:
        if not 0 < gamma < math.inf:
            raise ValueError(f"gamma must be positive and finite, got {gamma}")
        log_volume = torch.log(2 * math.pi * self.variances.double())
        log_mass = gamma * self.weights.double().log() + 0.5 * self.n_dof * (1 - gamma) * log_volume
        return log_mass - 0.5 * self.n_dof * math.log(gamma)

    def _log_terms(self, x: Tensor, h: float | Tensor) -> Tensor:
        variances = self._noisy_variances(h)
        square = (x[:, None] - self.means).flatten(2).square().sum(-1)
        log_normaliser = 0.5 * self.n_dof * torch.log(2 * math.pi * variances)
        return self.weights.log() - log_normaliser - 0.5 * square / variances

    def _score(self, x: Tensor, h: float | Tensor, log_terms: Tensor) -> Tensor:
        pull = torch.softmax(log_terms, dim=1) / self._noisy_variances(h)
        toward = torch.einsum("nm,m...->n...", pull, self.means)
        return toward - self._broadcast(pull.sum(1)) * x

    def _noisy_variances(self, h: float | Tensor) -> Tensor:
        """Return (M,) for one noise level, (N, M) for one each, h (N,)."""
        return self.variances + (h[..., None] if isinstance(h, Tensor) and h.ndim else h)

    def _broadcast(self, per_event: Tensor) -> Tensor:
        return per_event.reshape(-1, *[1] * (self.means.ndim - 1))
