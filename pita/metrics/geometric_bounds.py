"""Bounds on Geometric-W2 with permutation and rotation optimised together.

The joint minimum d*(x, y)^2 = min_{P, R} |x - P y R^T|^2 has no known polynomial algorithm, so it is
bracketed.

Below, by distances within a cluster: u_i = x_i - R y_p(i) has zero mean, hence
n |u|^2 = 1/2 sum_ij |u_i - u_j|^2 >= 1/2 sum_ij (|x_i - x_j| - |y_p(i) - y_p(j)|)^2, and

    d*(x, y)^2 >= min_p sum_i c_i,p(i) / (2 n),

c_ij the squared difference between the sorted distances from x_i and the sorted distances from y_j:
one assignment problem (the bound of Gilmore and Lawler for quadratic assignment, SIAM J. Appl. Math. 10, 305
(1962)), unchanged by rotations, reflections and permutations.
Above, by alternating the optimal assignment and the optimal rotation until neither improves (iterative
closest point, Besl and McKay, IEEE PAMI 14, 239 (1992)) from the assignment of the lower bound and random
orientations.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from pita.metrics.geometric import assign, centred_pair, squared_distances, transport_w2

Array = NDArray[np.float64]


class Bounds(NamedTuple):
    """An interval that holds a distance, in the unit of length of the configurations."""

    lower: float
    upper: float


def _sorted_distances(x: Array) -> Array:
    """Return the ascending distances from each particle to the others, (n, n_atoms, n_atoms - 1)."""
    separations = np.linalg.norm(x[:, :, None] - x[:, None], axis=-1)
    return np.sort(separations, axis=-1)[..., 1:]


def _profile_gain(first: Array, second: Array) -> Array:
    """Return -c_ij (..., n_atoms, n_atoms) of sorted distances (..., n_atoms, n_atoms - 1) of either side."""
    squares = np.sum(first**2, axis=-1)[..., :, None] + np.sum(second**2, axis=-1)[..., None, :]
    return 2.0 * first @ np.swapaxes(second, -1, -2) - squares


def lower_bounds(x: ArrayLike, y: ArrayLike) -> Array:
    """Return lower bounds of d*(x_i, y_j)^2 for all pairs.

    x: (n, n_atoms, 3), y: (m, n_atoms, 3), unit of length -> (n, m), unit squared.
    """
    first, second = (_sorted_distances(side) for side in centred_pair(x, y))
    bounds = np.empty((len(first), len(second)))
    for row, profile in enumerate(first):
        gain = _profile_gain(profile, second)
        best = np.take_along_axis(gain, assign(gain)[..., None], axis=-1)
        bounds[row] = -best.sum(axis=(1, 2)) / (2 * first.shape[1])
    return np.maximum(bounds, 0.0)


def _rotate(x: Array, y: Array, permutation: NDArray[np.int64], *, reflections: bool) -> tuple[Array, Array]:
    """Return R maximising tr(R^T x^T P y) of each pair, (n_pairs, 3, 3), and that overlap, (n_pairs,)."""
    covariance = x.transpose(0, 2, 1) @ np.take_along_axis(y, permutation[..., None], axis=1)
    left, singular, right = np.linalg.svd(covariance)
    if not reflections:
        sign = np.where(np.linalg.det(covariance) < 0.0, -1.0, 1.0)
        left[..., 2] *= sign[:, None]
        singular[:, 2] *= sign
    return left @ right, singular.sum(axis=-1)


def _alternate(x: Array, y: Array, rotation: Array, *, reflections: bool) -> Array:
    """Return the overlaps tr(R^T x^T P y) where assignment and rotation, from `rotation`, stop improving.

    x, y: (n_pairs, n_atoms, 3), centred; rotation: (n_pairs, 3, 3) -> (n_pairs,). The overlap never falls and
    there are finitely many assignments, so the loop ends.
    """
    overlap = np.full(len(x), -np.inf)
    active = np.arange(len(x))
    while active.size:
        permutation = assign(x[active] @ rotation @ y[active].transpose(0, 2, 1))
        rotation, new = _rotate(x[active], y[active], permutation, reflections=reflections)
        improved = new > overlap[active] + 1e-9
        overlap[active] = np.maximum(new, overlap[active])
        active, rotation = active[improved], rotation[improved]
    return overlap


def aligned_squared_distances(
    x: ArrayLike, y: ArrayLike, *, n_starts: int, rng: np.random.Generator, reflections: bool = True
) -> Array:
    """Return the smallest |x_k - P y_k R^T|^2 found for each pair k by alternation, at least d*(x_k, y_k)^2.

    x, y: (n_pairs, n_atoms, 3), unit of length -> (n_pairs,), unit squared. Starts: the assignment of the
    lower bound and `n_starts` random orientations shared by all pairs, every other one mirrored if
    `reflections`.
    """
    first, second = centred_pair(x, y)
    profile = assign(_profile_gain(_sorted_distances(first), _sorted_distances(second)))
    rotation, _ = _rotate(first, second, profile, reflections=reflections)
    overlap = _alternate(first, second, rotation, reflections=reflections)
    starts = Rotation.random(n_starts, rng=rng).as_matrix() if n_starts else np.empty((0, 3, 3))
    if reflections:
        starts[1::2] *= -1.0
    for start in starts:
        rotation = np.broadcast_to(start, (len(first), 3, 3))
        overlap = np.maximum(overlap, _alternate(first, second, rotation, reflections=reflections))
    squared = np.sum(first**2 + second**2, axis=(1, 2)) - 2.0 * overlap
    return np.maximum(squared, 0.0)


def geometric_w2_bounds(
    x: ArrayLike,
    y: ArrayLike,
    *,
    n_candidates: int,
    n_starts: int,
    rng: np.random.Generator,
    reflections: bool = True,
) -> Bounds:
    """Return an interval around the Wasserstein-2 distance under d*, in the unit of x.

    x: (n, n_atoms, 3), y: (m, n_atoms, 3). Transport is exact on both sides: `lower` with the lower bounds of
    all pairs, `upper` with the assign-then-rotate distances, improved by alternation for the `n_candidates`
    pairs of smallest lower bound in every row and column.
    """
    if n_candidates < 1:
        raise ValueError(f"n_candidates must be at least 1, got {n_candidates}")
    first, second = centred_pair(x, y)
    lower = lower_bounds(first, second)
    upper = squared_distances(first, second, reflections=reflections)
    chosen = np.zeros(lower.shape, dtype=bool)
    for axis in (0, 1):
        nearest = np.argsort(lower, axis=axis, kind="stable").take(
            range(n_candidates), axis=axis, mode="clip"
        )
        np.put_along_axis(chosen, nearest, True, axis=axis)
    rows, columns = np.nonzero(chosen)
    refined = aligned_squared_distances(
        first[rows], second[columns], n_starts=n_starts, rng=rng, reflections=reflections
    )
    upper[rows, columns] = np.minimum(upper[rows, columns], refined)
    return Bounds(lower=transport_w2(lower), upper=transport_w2(upper))
