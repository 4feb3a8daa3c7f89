"""Bonds, angles and torsions of a force field.

E = sum k (r - r0)^2 / 2 + sum k (theta - theta0)^2 / 2 + sum k (1 + cos(m phi - phase)). Arrays are
(components of a vector, terms, batch): with the batch last they vectorise on a CPU.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

Cast = Callable[[np.ndarray], Tensor]


class Bonded(NamedTuple):
    """Parameters of the bonded terms.

    Atoms `bonds (2, n)`, `angles (3, n)`, `torsions (4, n)`; lengths nm and angles rad at rest and stiffness
    kJ/mol per unit^2, (n, 1). Torsions have the energy `constant ()` + sum_m cosines[m-1] cos m phi
    + sines[m-1] sin m phi, `cosines`, `sines (largest m, n, 1)`. `incidence (n_atoms, rows)`: signs with
    which forces act on atoms.
    """

    bonds: Tensor
    bond_rest: Tensor
    bond_stiffness: Tensor
    angles: Tensor
    angle_rest: Tensor
    angle_stiffness: Tensor
    torsions: Tensor
    cosines: Tensor
    sines: Tensor
    constant: Tensor
    incidence: Tensor


def bonded_parameters(arrays: Mapping[str, np.ndarray], cast: Cast) -> Bonded:
    """Read the bonded terms of the arrays of a system; torsions of the same four atoms become one."""
    n_atoms = len(arrays["ff_charge"])
    column = {
        name: cast(arrays[f"ff_{name}"][:, None])
        for name in ("bond_rest", "bond_stiffness", "angle_rest", "angle_stiffness")
    }
    atoms, inverse = np.unique(arrays["ff_torsions"], axis=0, return_inverse=True)
    periodicity, phase = arrays["ff_torsion_periodicity"], arrays["ff_torsion_phase"]
    stiffness = arrays["ff_torsion_stiffness"]
    cosines, sines = np.zeros((2, periodicity.max(initial=1), len(atoms), 1))
    np.add.at(cosines, (periodicity - 1, inverse, 0), stiffness * np.cos(phase))
    np.add.at(sines, (periodicity - 1, inverse, 0), stiffness * np.sin(phase))
    bonds, angles = arrays["ff_bonds"], arrays["ff_angles"]
    return Bonded(
        bonds=cast(bonds.T),
        angles=cast(angles.T),
        torsions=cast(atoms.T),
        cosines=cast(cosines),
        sines=cast(sines),
        constant=cast(stiffness.sum()),
        incidence=cast(_incidence(n_atoms, bonds, angles, atoms)),
        **column,
    )


def bond_energy(x: Tensor, p: Bonded) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return the energy of the bonds (N,) and the force on the first atom of each; x (3, n_atoms, N)."""
    difference = x[:, p.bonds[0]] - x[:, p.bonds[1]]
    length = _dot(difference, difference).sqrt()
    pull = p.bond_stiffness * (length - p.bond_rest)
    energy = 0.5 * (pull * (length - p.bond_rest)).sum(0)
    return energy, (difference * (-pull / length),)


def angle_energy(x: Tensor, p: Bonded) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return the energy of the angles (N,) and the forces on the two outer atoms; x (3, n_atoms, N)."""
    first, last = (x[:, p.angles[end]] - x[:, p.angles[1]] for end in (0, 2))
    along, normal = _dot(first, last), _cross(first, last)
    sine = _dot(normal, normal).sqrt()
    strain = torch.atan2(sine, along) - p.angle_rest
    pull = p.angle_stiffness * strain
    energy = 0.5 * (pull * strain).sum(0)
    scale = pull / sine  # d theta / d first = (first (along / |first|^2) - last) / |normal|
    force_first = scale * (last - first * (along / _dot(first, first)))
    force_last = scale * (first - last * (along / _dot(last, last)))
    return energy, (force_first, force_last)


def torsion_energy(x: Tensor, p: Bonded) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return the energy of the torsions (N,) and three forces, see `_incidence`; x (3, n_atoms, N).

    With f = r1 - r2, g = r2 - r3, h = r4 - r3, a = f x g, b = h x g (Blondel and Karplus, J. Comput. Chem.
    17, 1132, 1996): cos phi = a.b / |a||b|, sin phi = |g| a.h / |a||b|, d phi / d r1 = -a |g| / |a|^2,
    d phi / d r4 = b |g| / |b|^2; the inner atoms balance these and share the couple.
    """
    r1, r2, r3, r4 = (x[:, p.torsions[i]] for i in range(4))
    f, g, h = r1 - r2, r2 - r3, r4 - r3
    a, b = _cross(f, g), _cross(h, g)
    inverse_a, inverse_b = 1 / _dot(a, a), 1 / _dot(b, b)
    length_g, scale = _dot(g, g).sqrt(), (inverse_a * inverse_b).sqrt()
    cosine, sine = _dot(a, b) * scale, length_g * _dot(a, h) * scale
    energy, slope = 0.0, 0.0
    cosine_m, sine_m = cosine, sine
    for m in range(len(p.cosines)):
        energy = energy + p.cosines[m] * cosine_m + p.sines[m] * sine_m
        slope = slope + (m + 1) * (p.sines[m] * cosine_m - p.cosines[m] * sine_m)
        cosine_m, sine_m = cosine_m * cosine - sine_m * sine, sine_m * cosine + cosine_m * sine
    first = a * (slope * length_g * inverse_a)
    last = b * (-slope * length_g * inverse_b)
    couple = (b * (_dot(h, g) * inverse_b) - a * (_dot(f, g) * inverse_a)) * (slope / length_g)
    return energy.sum(0) + p.constant, (first, last, couple)


def _incidence(n_atoms: int, bonds: np.ndarray, angles: np.ndarray, torsions: np.ndarray) -> np.ndarray:
    """Return the signs (n_atoms, rows) of the forces of all terms, in the order in which they are returned.

    A bond's second atom feels the opposite of the first's force, an angle's middle atom that of both; of
    a torsion's (first, last, couple), the second atom feels couple - first, the third -couple - last.
    """
    on_atoms = [
        (bonds, ((0, 1.0), (1, -1.0))),
        (angles, ((0, 1.0), (1, -1.0))),
        (angles, ((2, 1.0), (1, -1.0))),
        (torsions, ((0, 1.0), (1, -1.0))),
        (torsions, ((3, 1.0), (2, -1.0))),
        (torsions, ((1, 1.0), (2, -1.0))),
    ]
    blocks = []
    for atoms, signs in on_atoms:
        block = np.zeros((n_atoms, len(atoms)))
        for column, sign in signs:
            block[atoms[:, column], np.arange(len(atoms))] += sign
        blocks.append(block)
    return np.concatenate(blocks, axis=1)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack((a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]))
