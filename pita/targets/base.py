"""What every sampler may ask of a target density pi_beta(x) proportional to exp(-beta E(x))."""

from typing import Protocol

from torch import Tensor


class Target(Protocol):
    """An energy function of configurations x (N, n_atoms, 3) with n_dof degrees of freedom."""

    n_atoms: int
    n_dof: int

    def energy(self, x: Tensor) -> Tensor:
        """Return E (N,), in the energy unit of the target; +inf where it overflows, never NaN."""
        ...

    def energy_and_force(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return E (N,) and the force -dE/dx (N, n_atoms, 3), zero where it is not finite."""
        ...
