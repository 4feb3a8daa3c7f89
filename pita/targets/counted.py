"""Counting of target evaluations, the budget by which sampling methods are compared.

Methods reach a target only through this wrapper, so that no evaluation escapes the count.
"""

from torch import Tensor

from pita.targets.base import Target


class CountedTarget:
    """A target that counts one evaluation per configuration, with or without its force.

    ``n_energy_evals``: configurations evaluated so far; ``n_nonfinite``: those whose energy overflowed.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self.n_energy_evals = 0
        self.n_nonfinite = 0

    @property
    def n_atoms(self) -> int:
        """Number of atoms of the wrapped target."""
        return self._target.n_atoms

    @property
    def n_dof(self) -> int:
        """Number of degrees of freedom of the wrapped target."""
        return self._target.n_dof

    def energy(self, x: Tensor) -> Tensor:
        """Return E (N,) of x (N, n_atoms, 3) and count N evaluations."""
        energy = self._target.energy(x)
        self._count(energy)
        return energy

    def energy_and_force(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return E (N,) and the force (N, n_atoms, 3) of x (N, n_atoms, 3) and count N evaluations."""
        energy, force = self._target.energy_and_force(x)
        self._count(energy)
        return energy, force

    def _count(self, energy: Tensor) -> None:
        self.n_energy_evals += len(energy)
        self.n_nonfinite += len(energy) - int(energy.isfinite().sum())
