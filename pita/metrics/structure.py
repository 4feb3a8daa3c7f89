"""Is every sample the right molecule? Handedness of stereocentres and lengths of bonds.

No energy tells a molecule from its mirror image, so handedness is counted apart from the distances.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pita.metrics.distance import as_configurations


def signed_volumes(x: ArrayLike, chiral: ArrayLike) -> NDArray[np.float64]:
    """Return (N - CA) . ((C - CA) x (CB - CA)) of every stereocentre: positive for L-residues.

    x: (n, n_atoms, 3); chiral: (n_centres, 4), atoms CA, N, C, CB -> (n, n_centres), unit of x cubed.
    """
    configurations, atoms = as_configurations(x, name="x"), np.asarray(chiral)
    if atoms.ndim != 2 or atoms.shape[1] != 4:
        raise ValueError(f"chiral must have shape (n_centres, 4), got {atoms.shape}")
    centre = configurations[:, atoms[:, 0]]
    nitrogen, carbon, beta = (configurations[:, atoms[:, i]] - centre for i in (1, 2, 3))
    return np.sum(nitrogen * np.cross(carbon, beta), axis=-1)


def wrong_chirality_fraction(x: ArrayLike, chiral: ArrayLike) -> float:
    """Return the fraction of configurations in which any stereocentre has a negative signed volume.

    x: (n, n_atoms, 3); chiral: (n_centres, 4), atoms CA, N, C, CB, ordered so that the right hand is
    positive.
    """
    return float(np.mean(np.any(signed_volumes(x, chiral) < 0.0, axis=1)))


def broken_bond_fraction(
    x: ArrayLike, bonds: ArrayLike, reference_lengths: ArrayLike, *, tolerance: float
) -> float:
    """Return the fraction of configurations in which any bond is off its length by more than `tolerance`.

    x: (n, n_atoms, 3); bonds: (n_bonds, 2), atom indices; reference_lengths: (n_bonds,) and tolerance in the
    unit of x. Too short counts as too long does.
    """
    configurations, atoms = as_configurations(x, name="x"), np.asarray(bonds)
    lengths = np.asarray(reference_lengths, dtype=np.float64)
    if atoms.ndim != 2 or atoms.shape[1] != 2 or lengths.shape != atoms.shape[:1]:
        raise ValueError(f"bonds must be (n_bonds, 2) with a length each, got {atoms.shape}, {lengths.shape}")
    separations = configurations[:, atoms[:, 0]] - configurations[:, atoms[:, 1]]
    deviations = np.abs(np.linalg.norm(separations, axis=-1) - lengths)
    return float(np.mean(np.any(deviations > tolerance, axis=1)))
