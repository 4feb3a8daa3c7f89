"""Lennard-Jones cluster in a harmonic trap: the LJ-13 benchmark of PITA, DEM and their kin.

E(x) = 2 epsilon sum_{i<j} [(r_min/r_ij)^12 - 2 (r_min/r_ij)^6] + oscillator / 2 sum_i |x_i - mean(x)|^2.
The factor 2 (each pair counted from both ends) is the benchmark's convention: a pair is 2 epsilon deep, so
the pair part is twice the textbook 4 epsilon [(sigma/r)^12 - (sigma/r)^6], with r_min = 2^(1/6) sigma.
"""

import math

import torch
from torch import Tensor

from pita.geometry import remove_mean

CHUNK = 256  # configurations at a time: their pair arrays stay in the cache of one CPU core


class LennardJonesCluster:
    """Energy and hand-written force of n_atoms particles; lengths in units of r_min, energies as epsilon."""

    def __init__(
        self, n_atoms: int, *, epsilon: float = 1.0, r_min: float = 1.0, oscillator: float = 1.0
    ) -> None:
        if n_atoms < 2:
            raise ValueError(f"n_atoms must be at least 2, got {n_atoms}")
        for name, value in (("epsilon", epsilon), ("r_min", r_min)):
            if not 0 < value < math.inf:
                raise ValueError(f"{name} must be positive and finite, got {value}")
        if not 0 <= oscillator < math.inf:
            raise ValueError(f"oscillator must be non-negative and finite, got {oscillator}")
        self.n_atoms = n_atoms
        self.n_dof = 3 * (n_atoms - 1)
        self.epsilon = epsilon
        self.r_min = r_min
        self.oscillator = oscillator

    def energy(self, x: Tensor) -> Tensor:
        """Return E, differentiable where finite.

        x: (N, n_atoms, 3) -> (N,), in units of epsilon; +inf where the sum overflows or x is not finite.
        """
        self._check(x)
        centred, inverse_square = self._pairs(x)[::2]
        inv6 = inverse_square**3
        pair = self.epsilon * (inv6 * (inv6 - 2)).sum((0, 1))  # over i != j: each pair twice
        energy = pair + 0.5 * self.oscillator * centred.square().sum((0, 1))
        return torch.where(energy.isfinite(), energy, math.inf)

    def energy_and_force(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return E and the force -dE/dx, outside of autograd.

        x: (N, n_atoms, 3) -> E (N,), +inf as in ``energy``, and force (N, n_atoms, 3), zero for
        a configuration whose E or force is not finite. force_i = oscillator (mean - x_i)
        + 24 epsilon sum_j (x_i - x_j) / r^2 [(r_min/r)^12 - (r_min/r)^6].
        """
        self._check(x)
        with torch.no_grad():
            chunks = [self._energy_and_force(chunk) for chunk in x.split(CHUNK)]
        energies, forces = zip(*chunks, strict=True)
        return torch.cat(energies), torch.cat(forces)

    def initial_lattice(self, n: int, *, spacing: float, jitter: float, generator: torch.Generator) -> Tensor:
        """Return starts without overlaps: a simple cubic lattice, displaced by Gaussian noise, mean-free.

        Returns (n, n_atoms, 3), float32; spacing (between sites) and jitter (standard deviation of a
        coordinate) in the unit of r_min. The sites are the n_atoms nearest to the centre of the lattice.
        """
        half = math.ceil(self.n_atoms ** (1 / 3)) // 2 + 1
        sites = torch.cartesian_prod(*[torch.arange(-half, half + 1, device=generator.device)] * 3)
        nearest = sites.square().sum(-1).argsort(stable=True)[: self.n_atoms]
        shape = (n, self.n_atoms, 3)
        noise = torch.randn(shape, generator=generator, device=generator.device)
        return remove_mean(spacing * sites[nearest] + jitter * noise)

    def _pairs(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return x - mean (3, n_atoms, N), x_i - x_j (3, n_atoms, n_atoms, N), (r_min/r_ij)^2, 0 for i = j.

        The batch comes last and all ordered pairs are formed: both vectorise better than a list of pairs.
        """
        x = x.permute(2, 1, 0).contiguous()
        centred = x - x.mean(dim=1, keepdim=True)
        difference = centred[:, :, None] - centred[:, None]
        distance_square = sum(component * component for component in difference)
        distance_square.diagonal().fill_(math.inf)  # a particle does not act on itself
        return centred, difference, self.r_min**2 / distance_square

    def _energy_and_force(self, x: Tensor) -> tuple[Tensor, Tensor]:
        centred, difference, inverse_square = self._pairs(x)
        inv6 = (inverse_square * inverse_square).mul_(inverse_square)
        slope = inverse_square.mul_(inv6).mul_(inv6 - 1).mul_(24 * self.epsilon / self.r_min**2)
        force = difference.mul_(slope).sum(2).sub_(centred, alpha=self.oscillator).permute(2, 1, 0)
        pair = (inv6 - 2).mul_(inv6).sum((0, 1)).mul_(self.epsilon)  # over i != j: each pair twice
        energy = pair + 0.5 * self.oscillator * centred.square().sum((0, 1))
        finite = energy.isfinite()
        usable = finite & force.isfinite().all(-1).all(-1)
        return torch.where(finite, energy, math.inf), torch.where(usable[:, None, None], force, 0.0)

    def _check(self, x: Tensor) -> None:
        if x.ndim != 3 or x.shape[1:] != (self.n_atoms, 3):
            raise ValueError(f"x must have shape (N, {self.n_atoms}, 3), got {tuple(x.shape)}")
