"""Where chains begin: a jittered lattice or structure, since random starts leave atoms on one another."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from pita.targets.base import Target


@runtime_checkable
class Structured(Target, Protocol):
    """A target that knows a low-energy structure."""

    def initial_positions(self, n: int, *, jitter: float, generator: torch.Generator) -> Tensor:
        """Return the structure with Gaussian noise, mean-free (n, n_atoms, 3)."""
        ...


class OnLattice(Target, Protocol):
    """A target whose atoms, all alike, may begin on any sites."""

    def initial_lattice(self, n: int, *, spacing: float, jitter: float, generator: torch.Generator) -> Tensor:
        """Return a simple cubic lattice with Gaussian noise, mean-free (n, n_atoms, 3)."""
        ...


Startable = Structured | OnLattice


@dataclass(frozen=True, kw_only=True)
class Start:
    """A cubic lattice of this `spacing`, None for the structure of the target, and `jitter` added to it.

    `jitter` is the standard deviation of a coordinate; both in r_min for clusters, in nm for peptides.
    """

    jitter: float
    spacing: float | None = None

    def draw(self, target: Startable, n: int, *, generator: torch.Generator) -> Tensor:
        """Starting configurations (n, n_atoms, 3)."""
        if self.spacing is not None:
            return target.initial_lattice(n, spacing=self.spacing, jitter=self.jitter, generator=generator)
        if not isinstance(target, Structured):
            raise ValueError(
                f"start: spacing is needed, {type(target).__name__} knows no structure to begin at"
            )
        return target.initial_positions(n, jitter=self.jitter, generator=generator)


CLUSTER_START = Start(spacing=1.1, jitter=0.05)  # r_min: neighbours near the minimum of their pair energy
