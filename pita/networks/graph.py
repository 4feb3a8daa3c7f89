"""What a network may know of a molecule: its atoms and its bonds."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class MolecularGraph:
    """Atoms by `elements`, and the `bonds` between them."""

    elements: tuple[str, ...]
    bonds: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        for bond in self.bonds:
            if not all(0 <= atom < len(self.elements) for atom in bond):
                raise ValueError(f"atoms must be in [0, {len(self.elements)}), got {bond}")

    def neighbours(self) -> list[list[int]]:
        """Return the atoms bonded to each atom, in order."""
        around: list[set[int]] = [set() for _ in self.elements]
        for first, second in self.bonds:
            around[first].add(second)
            around[second].add(first)
        return [sorted(atoms) for atoms in around]

    def stiff_pairs(self) -> Tensor:
        """Return the pairs (n_stiff, 2), i < j, in order, that are one or two bonds apart."""
        near = {tuple(sorted(bond)) for bond in self.bonds}
        for atoms in self.neighbours():
            near |= {(a, b) for a in atoms for b in atoms if a < b}
        return torch.tensor(sorted(near), dtype=torch.long).reshape(-1, 2)

    def tetrahedra(self) -> Tensor:
        """Return the neighbours of atoms of four, a hand as they are labelled, and the atom; (n, 5)."""
        around = self.neighbours()
        fragments = [[*atoms, centre] for centre, atoms in enumerate(around) if len(atoms) == 4]
        return torch.tensor(fragments, dtype=torch.long).reshape(-1, 5)

    def twins(self) -> set[int]:
        """Return the atoms that nothing but their label tells from another one with a common neighbour."""
        around, kind = self.neighbours(), list(self.elements)
        for _ in self.elements:  # kinds of neighbours, of their neighbours, and so on
            names = [(own, *sorted(kind[other] for other in around[atom])) for atom, own in enumerate(kind)]
            order = sorted(set(names))
            kind = [str(order.index(name)) for name in names]
        beside = [{other for middle in atoms for other in around[middle]} for atoms in around]
        return {
            atom for atom in range(len(kind)) if any(kind[o] == kind[atom] for o in beside[atom] - {atom})
        }

    def stereocentres(self) -> list[int]:
        """Return the atoms of four neighbours no two of which are twins."""
        around, twins = self.neighbours(), self.twins()
        return [atom for atom, atoms in enumerate(around) if len(atoms) == 4 and not twins & set(atoms)]

    def within(self, atom: int, n_bonds: int) -> list[int]:
        """Return the other atoms at most so many bonds away, in order."""
        around, reached = self.neighbours(), {atom}
        for _ in range(n_bonds):
            reached |= {other for each in reached for other in around[each]}
        return sorted(reached - {atom})

    def planar_bonds(self) -> Tensor:
        """Return two other neighbours of either end, of bonds whose ends have three neighbours; (n, 4)."""
        around = self.neighbours()
        planar = [bond for bond in self.bonds if all(len(around[atom]) == 3 for atom in bond)]
        others = [[atom for a, b in (bond, bond[::-1]) for atom in around[a] if atom != b] for bond in planar]
        return torch.tensor(others, dtype=torch.long).reshape(-1, 4)

    def rotors(self) -> Tensor:
        """Return four atoms in a row about each bond that a molecule may turn about; (n, 4).

        Of bonds, not both of whose ends are planar, with another heavy neighbour at either end that has no
        twin: the first such one.
        """
        around, twins = self.neighbours(), self.twins()
        rotors = []
        for bond in self.bonds:
            ends = [
                [a for a in around[own] if a != other and self.elements[a] != "H" and a not in twins]
                for own, other in (bond, bond[::-1])
            ]
            if all(ends) and any(len(around[atom]) != 3 for atom in bond):
                rotors.append([ends[0][0], *bond, ends[1][0]])
        return torch.tensor(rotors, dtype=torch.long).reshape(-1, 4)

    def atom_features(self) -> Tensor:
        """Return the place of each atom in the molecule and its element, one-hot; (n_atoms, n_features)."""
        kinds = sorted(set(self.elements))
        element = torch.tensor([kinds.index(name) for name in self.elements])
        one_hot = torch.nn.functional.one_hot(element, len(kinds)).float()
        return torch.cat((torch.eye(len(self.elements)), one_hot), dim=1)
