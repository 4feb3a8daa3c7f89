"""Populations of the basins phi < 0 and phi > 0 of a peptide and their free-energy difference.

A configuration belongs to the basin phi > 0 if any of its residues has phi > 0: for L-residues the rare
side, which samplers lose first. Counts are binomial; configurations are taken as independent and of equal
weight, so for chains pass one configuration per autocorrelation time.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pita.metrics.torus import as_angles
from pita.units import BOLTZMANN

KJ_PER_KCAL = 4.184  # thermochemical calorie, exact


class Populations(NamedTuple):
    """Fractions of configurations in either basin and the binomial standard error of both."""

    negative: float
    positive: float
    se: float


class FreeEnergyDifference(NamedTuple):
    """F(phi > 0) - F(phi < 0) and its standard error, in kT."""

    value: float
    se: float

    def in_kcal(self, *, temperature: float) -> "FreeEnergyDifference":
        """Return the same in kcal/mol; temperature in kelvin."""
        scale = BOLTZMANN * temperature / KJ_PER_KCAL
        return FreeEnergyDifference(self.value * scale, self.se * scale)


def any_positive(phi: ArrayLike) -> NDArray[np.bool_]:
    """Return which configurations have a residue with phi > 0, (n,), from phi (n, n_residues) in radians."""
    return np.any(as_angles(phi, name="phi") > 0.0, axis=1)


def populations(phi: ArrayLike) -> Populations:
    """Return the populations of both basins from phi (n, n_residues), radians."""
    inside = any_positive(phi)
    positive = float(np.mean(inside))
    return Populations(1.0 - positive, positive, math.sqrt(positive * (1.0 - positive) / len(inside)))


def free_energy_difference(phi: ArrayLike) -> FreeEnergyDifference | None:
    """Return F(phi > 0) - F(phi < 0) = ln(n_negative / n_positive) in kT; None, not known, if one is empty.

    phi: (n, n_residues), radians. The error is that of a log-odds ratio to first order,
    sqrt(1 / n_negative + 1 / n_positive).
    """
    inside = any_positive(phi)
    n_positive = int(np.count_nonzero(inside))
    n_negative = len(inside) - n_positive
    if n_positive == 0 or n_negative == 0:
        return None
    return FreeEnergyDifference(
        math.log(n_negative / n_positive), math.sqrt(1.0 / n_negative + 1.0 / n_positive)
    )
