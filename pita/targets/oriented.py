"""A target held in a frame: E(x) + stiffness (1 - cos theta), theta the angle of x against a reference.

For an E that ignores orientation this leaves the distribution of shapes untouched and makes orientations
independent of them, with the density f of `pita.orientation` at a = beta stiffness.
"""

import math

import torch
from torch import Tensor

from pita.geometry import aligned, remove_mean
from pita.orientation import tilt, tilt_and_gradient
from pita.targets.base import Target


class Oriented:
    """A target with a restraint on orientation; `target` is the one without, which observables see.

    `reference`: (n_atoms, 3), unit of x, mean-free; `stiffness`: in the unit of E.
    """

    def __init__(self, target: Target, reference: Tensor, *, stiffness: float) -> None:
        if tuple(reference.shape) != (target.n_atoms, 3):
            raise ValueError(f"reference must be ({target.n_atoms}, 3), got {tuple(reference.shape)}")
        if not 0 < stiffness < math.inf:
            raise ValueError(f"stiffness must be positive and finite, got {stiffness}")
        self.target, self.reference, self.stiffness = target, remove_mean(reference), stiffness

    @property
    def n_atoms(self) -> int:
        """Number of atoms of the target."""
        return self.target.n_atoms

    @property
    def n_dof(self) -> int:
        """Number of degrees of freedom of the target."""
        return self.target.n_dof

    def energy(self, x: Tensor) -> Tensor:
        """Return the energy with restraint; x (N, n_atoms, 3) -> (N,), +inf where E overflows."""
        return self.target.energy(x) + self.stiffness * tilt(x, self.reference)

    def energy_and_force(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the energy with restraint (N,) and its force (N, n_atoms, 3), zero where not finite."""
        energy, force = self.target.energy_and_force(x)
        value, gradient = tilt_and_gradient(x, self.reference)
        energy, force = energy + self.stiffness * value, force - self.stiffness * gradient
        usable = energy.isfinite() & force.isfinite().all(-1).all(-1)
        return energy, torch.where(usable[:, None, None], force, 0.0)

    def without_restraint(self, x: Tensor, energy: Tensor, force: Tensor) -> tuple[Tensor, Tensor]:
        """Return E (N,) and its force from those with restraint at x (N, n_atoms, 3), without evaluation."""
        value, gradient = tilt_and_gradient(x, self.reference)
        return energy - self.stiffness * value, force + self.stiffness * gradient

    def initial_positions(self, n: int, *, jitter: float, generator: torch.Generator) -> Tensor:
        """Return starts of the target, turned onto the reference: (n, n_atoms, 3)."""
        return aligned(self.target.initial_positions(n, jitter=jitter, generator=generator), self.reference)
