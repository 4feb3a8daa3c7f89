"""The frame of training data: every configuration turned onto a reference, then a little at random.

With a stiffness, what is learned is the density of `pita.targets.oriented.Oriented`, whose energy and force
the frame completes. Without, all data lie on the slice of optimal orientation: a density in x, whose energy
and force could be learned, they do not have.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pita.geometry import optimal_rotation, remove_mean
from pita.orientation import rotations_near_identity, tilt_and_gradient
from pita.training_set import TrainingSet

TORQUE_TOLERANCE = 1e-4  # of sum |x_i| |f_i|: rounding leaves 1e-7, a restraint on a peptide 1e-2 (a = 25)


@dataclass(frozen=True)
class Frame:
    """`reference`: (n_atoms, 3), unit of x; `stiffness` of the restraint, unit of E, None for no turns."""

    reference: Tensor
    stiffness: float | None

    def framed(self, training_set: TrainingSet) -> TrainingSet:
        """Return a set turned onto the reference, forces with it; no energies or forces without stiffness."""
        x, force = remove_mean(training_set.x), training_set.force
        if x.shape[1:] != self.reference.shape:
            raise ValueError(f"reference must be {tuple(x.shape[1:])}, got {tuple(self.reference.shape)}")
        rotation = optimal_rotation(x, self.reference)
        if self.stiffness is None:
            return training_set._replace(x=x @ rotation.mT, energy=None, force=None)
        if force is not None:
            _check_no_torque(x, force)
            force = force @ rotation.mT
        return training_set._replace(x=x @ rotation.mT, force=force)

    def turns(self, beta: Tensor, *, generator: torch.Generator) -> Tensor | None:
        """Draw rotations (N, 3, 3) from the orientations at each inverse temperature beta (N,)."""
        if self.stiffness is None:
            return None
        return rotations_near_identity(beta * self.stiffness, generator=generator)

    def restrained(
        self, x: Tensor, reduced_energy: Tensor | None, reduced_force: Tensor | None, beta: Tensor
    ) -> tuple[Tensor | None, Tensor | None]:
        """Add the restraint to beta E (N,) and -beta grad E (N, n_atoms, 3) of x, where they are given.

        x: (N, n_atoms, 3); beta: (N,), 1/unit of E.
        """
        if self.stiffness is None or (reduced_energy is None and reduced_force is None):
            return None, None
        value, gradient = tilt_and_gradient(x, self.reference)
        concentration = beta * self.stiffness
        energy = None if reduced_energy is None else reduced_energy + concentration * value
        force = None if reduced_force is None else reduced_force - concentration[:, None, None] * gradient
        return energy, force


def _check_no_torque(x: Tensor, force: Tensor) -> None:
    torque = torch.linalg.cross(x, force, dim=-1).sum(1).double().square().sum(-1).mean()
    largest = (x.norm(dim=-1) * force.norm(dim=-1)).sum(1).double().square().mean()
    if torque > TORQUE_TOLERANCE**2 * largest:
        raise ValueError(
            "a frame needs forces of E without restraint, which leave orientations alone; "
            f"a relative torque of {(torque / largest).sqrt():.1e} does not"
        )
