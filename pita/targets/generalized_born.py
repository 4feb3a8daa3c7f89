"""Implicit water: the generalized Born model OBC1 with a surface term, as in OpenMM's implicit/obc1.xml.

Onufriev, Bashford and Case, Proteins 55, 383 (2004), parameters I, with the integrals of Hawkins, Cramer and
Truhlar, Chem. Phys. Lett. 246, 122 (1995). With o the radius of an atom less 0.009 nm, s the scaled radius of
another at distance r, U = r + s and L = max(o, |r - s|), the other adds to the integral I of the atom, where
U > o, [1/L - 1/U + (r - s^2/r) (1/U^2 - 1/L^2) / 4 + log(L/U) / (2 r)] / 2. Its Born radius B is given by
1/B = 1/o - tanh(0.8 psi + 2.909125 psi^3) / radius, psi = I o. The energy is the sum over atoms of
-tau q^2 / (2 B) + 28.39 (radius + 0.14 nm)^2 (radius / B)^6 and over pairs of -tau q_i q_j (1/f - 1/cutoff),
f^2 = r^2 + B_i B_j exp(-r^2 / (4 B_i B_j)). Pairs beyond the cutoff add neither to energies nor to integrals.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pita.targets.nonbonded import Pairs

Cast = Callable[[np.ndarray], Tensor]

TAU = 138.935485 * (
    1 - 1 / 78.5
)  # kJ nm/mol: Coulomb's constant as OpenMM rounds it here, water's dielectric
OFFSET = 0.009  # nm
LINEAR, CUBIC = 0.8, 2.909125  # of psi, OBC1
SURFACE, PROBE = 28.3919551, 0.14  # kJ/mol/nm^2 and nm


class GeneralizedBorn(NamedTuple):
    """Parameters of atoms and pairs, (n_atoms, 1) and (n_pairs, 1), and the cutoff (), nm.

    Atoms: `offset_radius` nm, `self_charge` -tau q^2 / 2 kJ nm/mol, `surface` energy at B = radius, kJ/mol.
    Pairs: `charge` tau q_i q_j kJ nm/mol; offset and scaled radii of both atoms, nm, because looking them up
    keeps compiled loops from vectorising.
    """

    offset_radius: Tensor
    self_charge: Tensor
    surface: Tensor
    charge: Tensor
    first_offset: Tensor
    first_scaled: Tensor
    second_offset: Tensor
    second_scaled: Tensor
    cutoff: Tensor


def born_parameters(arrays: Mapping[str, np.ndarray], cast: Cast) -> GeneralizedBorn:
    """Read the parameters of the arrays of a system."""
    charge, offset_radius = arrays["ff_born_charge"], arrays["ff_offset_radius"]
    scaled_radius = arrays["ff_scaled_radius"]
    first, second = np.triu_indices(len(charge), 1)
    columns = {
        "offset_radius": offset_radius,
        "self_charge": -0.5 * TAU * charge**2,
        "surface": SURFACE * (offset_radius + OFFSET + PROBE) ** 2,
        "charge": TAU * charge[first] * charge[second],
        "first_offset": offset_radius[first],
        "first_scaled": scaled_radius[first],
        "second_offset": offset_radius[second],
        "second_scaled": scaled_radius[second],
    }
    return GeneralizedBorn(
        **{name: cast(values[:, None]) for name, values in columns.items()},
        cutoff=cast(arrays["ff_born_cutoff"]),
    )


def born_energy(r_square: Tensor, p: GeneralizedBorn, pairs: Pairs) -> tuple[Tensor, Tensor]:
    """Return the energy (N,) and (dE/dr) / r for the distance of each pair; r_square (n_pairs, N), nm^2."""
    i, j = pairs.first, pairs.second
    on_first, first_slope = born_integral(r_square, p.first_offset, p.second_scaled, p.cutoff)
    on_second, second_slope = born_integral(r_square, p.second_offset, p.first_scaled, p.cutoff)
    born, born_slope = born_radius(pairs.to_first @ on_first + pairs.to_second @ on_second, p)
    single, single_slope = _atoms(born, p)
    pair, slope, mutual = _pairs(r_square, born[i], born[j], p)
    by_born = single_slope + pairs.to_first @ (mutual * born[j]) + pairs.to_second @ (mutual * born[i])
    by_integral = by_born * born_slope
    slope = slope + by_integral[i] * first_slope + by_integral[j] * second_slope
    return single.sum(0) + pair.sum(0), slope


def born_integral(r_square: Tensor, offset: Tensor, scaled: Tensor, cutoff: Tensor) -> tuple[Tensor, Tensor]:
    """Return what an atom of radius `scaled` adds to the integral I of one of radius `offset`; (dI/dr) / r.

    r_square: (n_pairs, N), nm^2; radii (n_pairs, 1), nm. The motion of L and U with r cancels from
    the derivative but for an atom that is swallowed, s - r > o.
    """
    r = r_square.sqrt()
    upper, lower = r + scaled, torch.maximum(offset, (r - scaled).abs())
    inverse_u, inverse_l, inverse_r = 1 / upper, 1 / lower, 1 / r
    square = inverse_u * inverse_u - inverse_l * inverse_l
    log = torch.log(lower * inverse_u) * inverse_r
    ratio_square = (scaled * inverse_r) * (scaled * inverse_r)
    value = 0.5 * (inverse_l - inverse_u) + 0.125 * r * (1 - ratio_square) * square + 0.25 * log
    slope = 0.125 * (1 + ratio_square) * square - 0.25 * log * inverse_r
    slope = slope + torch.where(scaled - r > offset, inverse_l * inverse_l, 0.0)
    counted = (r < cutoff) & (upper > offset)
    return value.where(counted, 0.0), (slope * inverse_r).where(counted, 0.0)


def born_radius(integral: Tensor, p: GeneralizedBorn) -> tuple[Tensor, Tensor]:
    """Return the Born radii B (n_atoms, N), nm, of the integrals I (n_atoms, N), 1/nm, and dB/dI."""
    radius = p.offset_radius + OFFSET
    psi = integral * p.offset_radius
    tanh = torch.tanh(psi * (LINEAR + CUBIC * psi * psi))
    born = 1 / (1 / p.offset_radius - tanh / radius)
    slope = (1 - tanh * tanh) * (LINEAR + 3 * CUBIC * psi * psi) * p.offset_radius / radius
    return born, born * born * slope


def _atoms(born: Tensor, p: GeneralizedBorn) -> tuple[Tensor, Tensor]:
    """Return the energies of single atoms and their derivatives by B, (n_atoms, N)."""
    ratio = (p.offset_radius + OFFSET) / born
    ratio_square = ratio * ratio
    self_energy, surface = p.self_charge / born, p.surface * (ratio_square * ratio_square * ratio_square)
    return self_energy + surface, -(self_energy + 6 * surface) / born


def _pairs(
    r_square: Tensor, born_i: Tensor, born_j: Tensor, p: GeneralizedBorn
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the energies of pairs, (dE/dr) / r, and v such that dE/dB_i = v B_j, each (n_pairs, N)."""
    product = born_i * born_j
    exponent = r_square / (4 * product)
    decay = torch.exp(-exponent)
    inverse_square = 1 / (r_square + product * decay)
    inverse = inverse_square.sqrt()
    charge = torch.where(r_square < p.cutoff * p.cutoff, p.charge, 0.0)
    cubed = charge * inverse * inverse_square
    energy = -charge * (inverse - 1 / p.cutoff)
    return energy, cubed * (1 - 0.25 * decay), 0.5 * cubed * decay * (1 + exponent)
