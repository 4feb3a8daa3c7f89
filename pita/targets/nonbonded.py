"""Coulomb and Lennard-Jones energies of all pairs of atoms; exceptional pairs have their own parameters.

Arrays are (pairs, batch): with the batch last they vectorise on a CPU. Sums over the pairs of an atom are
matrix products with 0 and 1, faster there than scattered additions.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from torch import Tensor

from pita.units import COULOMB

Cast = Callable[[np.ndarray], Tensor]


class Pairs(NamedTuple):
    """All pairs i < j: atoms `first`, `second (n_pairs,)`; `to_first`, `to_second (n_atoms, n_pairs)` are
    1 where an atom is the first or second of a pair, otherwise 0.
    """

    first: Tensor
    second: Tensor
    to_first: Tensor
    to_second: Tensor


class Nonbonded(NamedTuple):
    """Parameters of pairs, (n_pairs, 1): E = (a / r^6 - b) / r^6 + charge (1/r - shift), 0 beyond the cutoff.

    a kJ nm^12/mol, b kJ nm^6/mol, charge kJ nm/mol, shift 1/nm, squared cutoff nm^2. The shift is what
    a reaction field of dielectric constant 1 leaves. Exceptions have neither shift nor cutoff.
    """

    a: Tensor
    b: Tensor
    charge: Tensor
    shift: Tensor
    cutoff_square: Tensor


def all_pairs(n_atoms: int, cast: Cast) -> Pairs:
    """List the pairs of n_atoms."""
    first, second = np.triu_indices(n_atoms, 1)
    unit = np.eye(n_atoms)
    return Pairs(cast(first), cast(second), cast(unit[:, first]), cast(unit[:, second]))


def nonbonded_parameters(arrays: Mapping[str, np.ndarray], cast: Cast) -> Nonbonded:
    """Combine parameters of atoms (Lorentz and Berthelot) into those of pairs; exceptions replace them."""
    charge, sigma, epsilon = (arrays[f"ff_{name}"] for name in ("charge", "sigma", "epsilon"))
    charges, epsilons = np.outer(charge, charge), np.sqrt(np.outer(epsilon, epsilon))
    sigmas = 0.5 * np.add.outer(sigma, sigma)
    shifts = np.full(charges.shape, 1 / arrays["ff_cutoff"])
    cutoffs = np.full(charges.shape, arrays["ff_cutoff"])
    for matrix, values in (
        (charges, arrays["ff_exception_charge"]),
        (sigmas, arrays["ff_exception_sigma"]),
        (epsilons, arrays["ff_exception_epsilon"]),
        (shifts, 0.0),
        (cutoffs, np.inf),
    ):
        for i, j in (arrays["ff_exceptions"].T, arrays["ff_exceptions"].T[::-1]):
            matrix[i, j] = values
    pairs = np.triu_indices(len(charge), 1)
    columns = (4 * epsilons * sigmas**12, 4 * epsilons * sigmas**6, COULOMB * charges, shifts, cutoffs**2)
    return Nonbonded(*(cast(matrix[pairs][:, None]) for matrix in columns))


def nonbonded_pairs(r_square: Tensor, p: Nonbonded) -> tuple[Tensor, Tensor]:
    """Return the energies of pairs and (dE/dr) / r, kJ/mol and kJ/mol/nm^2; r_square (n_pairs, N), nm^2."""
    inverse_square = 1 / r_square
    inverse_6 = inverse_square * inverse_square * inverse_square
    coulomb = p.charge * inverse_square.sqrt()
    energy = (p.a * inverse_6 - p.b) * inverse_6 + (coulomb - p.charge * p.shift)
    slope = ((6 * p.b - 12 * p.a * inverse_6) * inverse_6 - coulomb) * inverse_square
    inside = r_square < p.cutoff_square
    return energy.where(inside, 0.0), slope.where(inside, 0.0)
