"""Where chains begin: a jittered lattice, since random starts would leave atoms on top of one another."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pita.targets.lennard_jones import LennardJonesCluster


@dataclass(frozen=True)
class LatticeStart:
    """Simple cubic lattice, `spacing` and `jitter` (standard deviation of a coordinate) in units of r_min."""

    spacing: float = 1.1
    jitter: float = 0.05

    def draw(self, target: LennardJonesCluster, n: int, *, generator: torch.Generator) -> Tensor:
        """Starting configurations (n, n_atoms, 3)."""
        return target.initial_lattice(n, spacing=self.spacing, jitter=self.jitter, generator=generator)
