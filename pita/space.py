"""The space particles live in: R^d, or point clouds without their centre of mass; its noise, densities and
basis.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pita.distributed import Communicator, SingleProcess
from pita.geometry import remove_mean


@dataclass(frozen=True, kw_only=True)
class ParticleSpace:
    """Events of `event_shape`; with `mean_free`, (n_atoms, 3) in the subspace without centre of mass.

    A population of N particles is spread over the ranks of `communicator`; draws are made for all N and
    sliced.
    """

    event_shape: tuple[int, ...]
    mean_free: bool
    dtype: torch.dtype = torch.float32
    device: torch.device | str = "cpu"
    communicator: Communicator = field(default_factory=SingleProcess)

    def __post_init__(self) -> None:
        if self.mean_free and (len(self.event_shape) != 2 or self.event_shape[0] < 2):
            raise ValueError(f"a mean-free event_shape must be (n_atoms >= 2, n_dim), got {self.event_shape}")

    @property
    def n_dof(self) -> int:
        """Dimension d: 3 (n_atoms - 1) if mean-free, otherwise the number of coordinates."""
        return math.prod(self.event_shape) - (self.event_shape[-1] if self.mean_free else 0)

    def project(self, x: Tensor) -> Tensor:
        """Return the part of x (..., *event_shape) inside the space."""
        return remove_mean(x) if self.mean_free else x

    def noise(self, n_particles: int, *, generator: torch.Generator) -> Tensor:
        """Draw unit-variance Gaussian noise of the whole population; returns this rank's slice (n,
        *event_shape).
        """
        draws = torch.randn(
            (n_particles, *self.event_shape), generator=generator, dtype=self.dtype, device=self.device
        )
        return self.project(self.communicator.shard(draws))

    def rademacher(self, n_particles: int, n_probes: int, *, generator: torch.Generator) -> Tensor:
        """Draw random signs projected into the space, E[z z^T] the projector; returns (n, n_probes,
        *event_shape).
        """
        shape = (n_particles, n_probes, *self.event_shape)
        signs = torch.randint(0, 2, shape, generator=generator, device=self.device).to(self.dtype)
        return self.project(2 * self.communicator.shard(signs) - 1)

    def basis(self) -> Tensor:
        """Return an orthonormal basis (n_dof, *event_shape): if mean-free, Helmert's contrasts of atoms."""
        if not self.mean_free:
            return torch.eye(self.n_dof, dtype=self.dtype, device=self.device).reshape(-1, *self.event_shape)
        n_atoms, n_dim = self.event_shape
        contrasts = torch.tril(torch.ones(n_atoms - 1, n_atoms, dtype=torch.float64))
        rows = torch.arange(n_atoms - 1)
        contrasts[rows, rows + 1] = -(rows + 1).double()
        contrasts /= contrasts.norm(dim=1, keepdim=True)
        axes = torch.eye(n_dim, dtype=torch.float64)
        basis = torch.einsum("ra,ij->riaj", contrasts, axes).reshape(-1, n_atoms, n_dim)
        return basis.to(self.dtype).to(self.device)

    def log_normal(self, displacement: Tensor, variance: float) -> Tensor:
        """Return log N(displacement; 0, variance I) on the space; (n, *event_shape) -> (n,) float64."""
        square = displacement.flatten(1).square().sum(1).double()
        return -square / (2 * variance) - 0.5 * self.n_dof * math.log(2 * math.pi * variance)
