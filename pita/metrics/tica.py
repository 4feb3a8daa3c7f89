"""Tica-W1 and Tica-W2: distances between two sample sets in the plane of the two slowest coordinates.

TICA (Perez-Hernandez, Paul, Giorgino, De Fabritiis, Noe, J. Chem. Phys. 139, 015102 (2013)) finds the linear
combinations of features that decorrelate slowest. Features as in the code of Klein and Noe that the field
uses: all pair distances of the C, N and S atoms (oxygens are left out), then sines and cosines of phi, psi
and omega. Coordinates are scaled by their eigenvalue (kinetic map, Noe and Clementi, J. Chem. Theory Comput.
11, 5002 (2015)), and W2 belongs to the model it was measured in.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from pita.metrics.dihedrals import dihedrals
from pita.metrics.distance import as_configurations, check_finite
from pita.metrics.transport import least_mean_cost

FEATURE_ELEMENTS = ("C", "N", "S")
PREFIX = "tica_"


@dataclass(frozen=True)
class TicaModel:
    """Plane of the slowest coordinates y = (features - mean) components, and the features it is built on.

    atoms (n_heavy,) and quads (n_quads, 4), atom indices; mean (n_features,), distances in nm; components
    (n_features, 2); eigenvalues (2,), autocorrelations of y after `lag` frames.
    """

    atoms: NDArray[np.int64]
    quads: NDArray[np.int64]
    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    eigenvalues: NDArray[np.float64]
    lag: int

    def timescales(self) -> NDArray[np.float64]:
        """Return the implied timescales -lag / ln |eigenvalue|, (2,), in frames."""
        return -self.lag / np.log(np.abs(self.eigenvalues))

    def to_arrays(self) -> dict[str, NDArray]:
        """Return all fields as plain arrays, names prefixed, for an .npz file."""
        return {PREFIX + field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> "TicaModel":
        """Return the model that `to_arrays` wrote; other names in `arrays` are not looked at."""
        named = {field.name: arrays[PREFIX + field.name] for field in fields(cls)}
        return cls(**named | {"lag": int(named["lag"])})


def feature_atoms(topology: Mapping[str, NDArray]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of the C, N and S atoms (n_heavy,) and the quadruples of phi, psi, omega (n, 4).

    topology: `elements` (n_atoms,) and `phi`, `psi`, `omega` (n, 4) of the system file.
    """
    atoms = np.flatnonzero(np.isin(topology["elements"], FEATURE_ELEMENTS))
    return atoms, np.concatenate([topology[name] for name in ("phi", "psi", "omega")])


def tica_features(x: ArrayLike, *, atoms: NDArray, quads: NDArray) -> NDArray[np.float64]:
    """Return pair distances i < j of `atoms` in row order, then the sines, then the cosines of `quads`.

    x: (n, n_atoms, 3), nm; atoms: (n_heavy,), quads: (n_quads, 4)
    -> (n, n_heavy (n_heavy - 1) / 2 + 2 n_quads).
    """
    configurations = as_configurations(x, name="x")
    first, second = np.triu_indices(len(atoms), k=1)
    separations = configurations[:, atoms[first]] - configurations[:, atoms[second]]
    angles = dihedrals(configurations, quads)
    return np.concatenate([np.linalg.norm(separations, axis=-1), np.sin(angles), np.cos(angles)], axis=1)


def project(model: TicaModel, x: ArrayLike) -> NDArray[np.float64]:
    """Return the two slowest coordinates of every configuration, (n, 2), from x (n, n_atoms, 3) in nm."""
    features = tica_features(x, atoms=model.atoms, quads=model.quads)
    return (features - model.mean) @ model.components


def _euclidean(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Return |a - b| of all pairs, (n, m), from first (n, 2), second (m, 2)."""
    points = [np.asarray(side, dtype=np.float64) for side in (first, second)]
    for side in points:
        if side.ndim != 2:
            raise ValueError(f"projections must have shape (n, 2), got {side.shape}")
        check_finite(side, name="projections")
    return cdist(*points)


def tica_w1(first: ArrayLike, second: ArrayLike) -> float:
    """Wasserstein-1 distance between two sets of projections, Euclidean ground cost, exact transport.

    first: (n, 2), second: (m, 2), from `project` with one model, whose unit the result has.
    """
    return least_mean_cost(_euclidean(first, second))


def tica_w2(first: ArrayLike, second: ArrayLike) -> float:
    """Wasserstein-2 distance between two sets of projections: root of the least mean squared distance.

    first: (n, 2), second: (m, 2), from `project` with one model, whose unit the result has.
    """
    return math.sqrt(least_mean_cost(_euclidean(first, second) ** 2))
