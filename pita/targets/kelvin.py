"""A target in kelvin: E / k_B of one in kJ/mol, so that E / T is its reduced energy at the temperature T."""

import torch
from torch import Tensor

from pita.targets.base import Target
from pita.units import BOLTZMANN


class InKelvin:
    """The target given, energies in kelvin and forces in kelvin per unit of x instead of kJ/mol."""

    def __init__(self, target: Target) -> None:
        self.target = target

    @property
    def n_atoms(self) -> int:
        """Number of atoms of the target."""
        return self.target.n_atoms

    @property
    def n_dof(self) -> int:
        """Number of degrees of freedom of the target."""
        return self.target.n_dof

    def energy(self, x: Tensor) -> Tensor:
        """Return E / k_B (N,), in kelvin, of x (N, n_atoms, 3)."""
        return self.target.energy(x) / BOLTZMANN

    def energy_and_force(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return E / k_B (N,), in kelvin, and its force (N, n_atoms, 3) of x (N, n_atoms, 3)."""
        energy, force = self.target.energy_and_force(x)
        energy, force = energy / BOLTZMANN, force / BOLTZMANN
        usable = energy.isfinite() & force.isfinite().all(-1).all(-1)  # E / k_B overflows before E does
        return energy, torch.where(usable[:, None, None], force, 0.0)

    def initial_positions(self, n: int, *, jitter: float, generator: torch.Generator) -> Tensor:
        """Return starts of the target, (n, n_atoms, 3)."""
        return self.target.initial_positions(n, jitter=jitter, generator=generator)
