"""Torus-W2: optimal transport between two sets of backbone conformations, angles taken around the circle.

Same definition as the released code of PITA (arXiv 2506.16471, there T-W2): all phi and psi of all residues
form one vector, so the distance grows with the number of residues.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pita.metrics.distance import check_finite
from pita.metrics.transport import least_mean_cost


def as_angles(values: ArrayLike, *, name: str) -> NDArray[np.float64]:
    """Return `values` (n, n_angles) in float64; another shape or an angle beyond +-pi raises ValueError."""
    angles = np.asarray(values, dtype=np.float64)
    if angles.ndim != 2:
        raise ValueError(f"{name} must have shape (n, n_angles), got {angles.shape}")
    check_finite(angles, name=name)
    if (largest := float(np.abs(angles).max())) > np.pi:
        raise ValueError(f"{name} must hold radians in [-pi, pi], got {largest}")
    return angles


def torus_squared(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Return sum_k min(|a_k - b_k|, 2 pi - |a_k - b_k|)^2 of all pairs of angle vectors.

    first: (n, n_angles), second: (m, n_angles), radians in [-pi, pi] -> (n, m), radians squared.
    """
    a, b = as_angles(first, name="first"), as_angles(second, name="second")
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"first has {a.shape[1]} angles and second has {b.shape[1]}")
    squared = np.zeros((len(a), len(b)))
    for column, other in zip(a.T, b.T, strict=True):
        difference = np.abs(np.subtract.outer(column, other))
        difference -= np.pi  # in place, for n = m = 5,000 a matrix takes 200 MB
        np.abs(difference, out=difference)
        np.subtract(np.pi, difference, out=difference)
        difference *= difference
        squared += difference
    return squared


def torus_w2(first: ArrayLike, second: ArrayLike) -> float:
    """Wasserstein-2 distance on the torus between two sets of angle vectors of equal weights, in radians.

    first: (n, n_angles), second: (m, n_angles), all phi and psi in radians; exact transport.
    """
    return math.sqrt(least_mean_cost(torus_squared(first, second)))
