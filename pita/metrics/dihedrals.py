"""Dihedral angles of molecules, with the sign of IUPAC-IUB (Biochemistry 9, 3471 (1970), rule 1.4).

Looking along the middle bond of A-B-C-D with B in front, the angle is positive when A must be turned
clockwise to hide D. Right-handed helices of L-residues have negative phi.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pita.metrics.distance import as_configurations


def dihedrals(x: ArrayLike, quads: ArrayLike) -> NDArray[np.float64]:
    """Return the angle of every atom quadruple in every configuration, radians in (-pi, pi].

    x: (n, n_atoms, 3), any unit of length; quads: (n_quads, 4), atom indices -> (n, n_quads). With bonds
    b1, b2, b3 it is atan2(|b2| b1 . (b2 x b3), (b1 x b2) . (b2 x b3)).
    """
    configurations, atoms = as_configurations(x, name="x"), np.asarray(quads)
    if atoms.ndim != 2 or atoms.shape[1] != 4:
        raise ValueError(f"quads must have shape (n_quads, 4), got {atoms.shape}")
    first, middle, last = (
        configurations[:, atoms[:, i + 1]] - configurations[:, atoms[:, i]] for i in range(3)
    )
    normal, next_normal = np.cross(first, middle), np.cross(middle, last)
    sine = np.linalg.norm(middle, axis=-1) * np.sum(first * next_normal, axis=-1)
    angle = np.arctan2(sine, np.sum(normal * next_normal, axis=-1))
    return np.where(angle == -np.pi, np.pi, angle)


def residue_pairs(phi: ArrayLike, psi: ArrayLike) -> NDArray[np.int64]:
    """Return (i, j) for every residue that has both angles: phi[i] and psi[j] turn about its N, CA and C.

    phi: (n_phi, 4), psi: (n_psi, 4), atom indices -> (n_residues, 2). Pairing by position is right with caps
    only: the first residue of an uncapped chain has no phi and the last no psi, so phi[0] belongs to psi[1].
    """
    shared = np.asarray(phi)[:, None, 1:] == np.asarray(psi)[None, :, :3]
    return np.argwhere(shared.all(axis=-1))
