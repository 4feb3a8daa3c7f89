"""Averages over one set of peptide configurations, which need no reference set beside them."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pita.metrics.basins import free_energy_difference, populations
from pita.metrics.dihedrals import dihedrals
from pita.metrics.scores import SampleSet, Score
from pita.metrics.structure import broken_bond_fraction, wrong_chirality_fraction


def peptide_averages(
    samples: SampleSet, topology: Mapping[str, NDArray], *, temperature: float, bond_tolerance: float
) -> dict[str, Score | None]:
    """Return averages by name, configurations being independent; None is not known.

    `phi_positive`, the share in which a residue has phi > 0; `free_energy_difference_kcal`, F(phi > 0) -
    F(phi < 0) in kcal/mol at `temperature` (kelvin), not known if a basin is empty; the shares with a
    stereocentre of `wrong_chirality` and with `broken_bonds`, off their minimised length by more than
    `bond_tolerance` (nm); `mean_energy_kt`. topology: arrays of the system file, positions in nm.
    """
    phi, n_samples = dihedrals(samples.x, topology["phi"]), len(samples.x)
    positive, difference = populations(phi), free_energy_difference(phi)
    bonds = topology["bonds"]
    first, second = (topology["positions"][bonds[:, side]] for side in (0, 1))
    lengths = np.linalg.norm(first - second, axis=-1)
    broken = broken_bond_fraction(samples.x, bonds, lengths, tolerance=bond_tolerance)
    spread = float(np.std(samples.reduced_energy, ddof=1))
    return {
        "phi_positive": Score(positive.positive, positive.se),
        "free_energy_difference_kcal": difference and Score(*difference.in_kcal(temperature=temperature)),
        "wrong_chirality": share(wrong_chirality_fraction(samples.x, topology["chiral"]), n_samples),
        "broken_bonds": share(broken, n_samples),
        "mean_energy_kt": Score(float(np.mean(samples.reduced_energy)), spread / math.sqrt(n_samples)),
    }


def share(fraction: float, n_samples: int) -> Score:
    """Return a fraction of `n_samples` configurations with its binomial standard error."""
    return Score(fraction, math.sqrt(fraction * (1.0 - fraction) / n_samples))
