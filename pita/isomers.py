"""Which isomer of a molecule a configuration is: hands of tetrahedral atoms, cis or trans at planar bonds.

Dynamics keep the hands, but at 1200 K one molecule of alanine dipeptide in ten has a peptide bond in cis, and
at 300 K none: a ladder that is to arrive in trans need not learn what dies out on the way, ten standard
deviations away from everything else, and its models, whose coordinates are deviations from one shape, could
not. So a ladder is of one isomer, and what it leaves out is counted.
"""

import torch
from torch import Tensor

from pita.networks.graph import MolecularGraph


class Isomers:
    """The isomer of a reference structure (n_atoms, 3), any unit, of a molecule."""

    def __init__(self, graph: MolecularGraph, structure: Tensor) -> None:
        self.hands, self.planes = graph.tetrahedra()[:, :4], graph.planar_bonds()
        self.signs = self._signs(structure[None].double())[0]

    def same(self, x: Tensor) -> Tensor:
        """Return which of the configurations x (n, n_atoms, 3) are the structure's isomer, (n,) bool."""
        return (self._signs(x) == self.signs.to(x.device)).all(1)

    def _signs(self, x: Tensor) -> Tensor:
        first, second, third, last = (x[:, self.hands[:, corner]] for corner in range(4))
        volumes = torch.linalg.cross(first - last, second - last) * (third - last)
        # Other neighbours of the two ends of a planar bond: the products of their differences.
        ends = (
            x[:, self.planes[:, 0]] - x[:, self.planes[:, 1]],
            x[:, self.planes[:, 2]] - x[:, self.planes[:, 3]],
        )
        products = ends[0] * ends[1]
        return torch.cat((volumes.sum(-1) > 0, products.sum(-1) > 0), dim=1)
