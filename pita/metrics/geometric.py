"""Geometric-W2: optimal transport between two sets of clusters of identical particles, up to symmetry.

The distance between two centred configurations is taken in the form of the released codes of iDEM
(arXiv 2402.06121) and PITA (arXiv 2506.16471): one optimal assignment of the particles as they lie, then the
optimal rotation (Kabsch, Acta Cryst. A32, 922 (1976)) for that assignment,

    P = argmax_P tr(x^T P y),      d(x, y)^2 = |x|^2 + |y|^2 - 2 max_R tr(R^T x^T P y).

It is an upper bound of the minimum over P and R together, because P is chosen before R, and for that reason
it changes when one configuration is turned. `geometric_bounds` brackets the joint minimum. The released codes
differ in two details: they assign by |x_i - y_j| instead of its square, and they solve the transport with d
instead of d^2, which is a W1. Between reference sets both change the value by at most two per cent.
"""

import math
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import ot
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from pita.metrics.distance import as_configurations, check_finite

# Limit on the pivots of the network simplex, far above what 5,000 configurations a side take.
MAX_PIVOTS = 10_000_000
# Rows are handed out in several blocks per process, so that a slow one does not keep the others waiting.
BLOCKS_PER_WORKER = 8


def centred_pair(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two sets of configurations of equally many particles in float64, centres of mass removed.

    x: (n, n_atoms, 3), y: (m, n_atoms, 3), any unit of length.
    """
    first, second = as_configurations(x, name="x"), as_configurations(y, name="y")
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"x has {first.shape[1]} atoms and y has {second.shape[1]}")
    return first - first.mean(axis=1, keepdims=True), second - second.mean(axis=1, keepdims=True)


def assign(gain: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the permutations of largest total gain: entry i of each is the column given to row i.

    gain: (n_pairs, n_atoms, n_atoms) -> (n_pairs, n_atoms).
    """
    cost = -gain  # negated once, not by each of the calls
    return np.array([linear_sum_assignment(matrix)[1] for matrix in cost])


def kabsch_overlap(covariance: NDArray[np.float64], *, reflections: bool) -> NDArray[np.float64]:
    """Return max_R tr(R^T C) over rotations, or over rotations and reflections.

    covariance: C = x^T P y (n_pairs, 3, 3), unit length^2 -> (n_pairs,). With singular values s it is
    s_1 + s_2 + s_3 over O(3) and s_1 + s_2 + sign(det C) s_3 over SO(3).
    """
    singular = np.linalg.svd(covariance, compute_uv=False)
    if not reflections:
        singular[:, 2] *= np.sign(np.linalg.det(covariance))
    return singular.sum(axis=-1)


def squared_distances(
    x: ArrayLike, y: ArrayLike, *, reflections: bool = True, n_workers: int = 1
) -> NDArray[np.float64]:
    """Return d(x_i, y_j)^2 of all n m pairs by assignment, then rotation.

    x: (n, n_atoms, 3), y: (m, n_atoms, 3), unit of length -> (n, m), unit squared. `reflections` lets R be
    any orthogonal matrix, as the released codes do (no test of the determinant) and as the energy's symmetry
    allows. `n_workers` processes share the rows and change no bit of the result.
    """
    if n_workers < 1:
        raise ValueError(f"n_workers must be at least 1, got {n_workers}")
    first, second = centred_pair(x, y)
    rows = partial(_squared_rows, second=second, reflections=reflections)
    if n_workers == 1:
        return rows(first)
    blocks = np.array_split(first, min(len(first), BLOCKS_PER_WORKER * n_workers))
    with ProcessPoolExecutor(n_workers, mp_context=get_context("spawn")) as pool:
        return np.concatenate(list(pool.map(rows, blocks)))


def _squared_rows(
    first: NDArray[np.float64], second: NDArray[np.float64], *, reflections: bool
) -> NDArray[np.float64]:
    """Return the squared distances (n, m) of centred first (n, n_atoms, 3), second (m, n_atoms, 3)."""
    squares = np.sum(second**2, axis=(1, 2))
    costs = np.empty((len(first), len(second)))
    for row, configuration in enumerate(first):
        permutation = assign(configuration @ second.transpose(0, 2, 1))
        covariance = configuration.T @ np.take_along_axis(second, permutation[..., None], axis=1)
        overlap = kabsch_overlap(covariance, reflections=reflections)
        costs[row] = np.sum(configuration**2) + squares - 2.0 * overlap
    return np.maximum(costs, 0.0)  # rounding leaves -1e-14 between a configuration and its own copy


def transport_w2(squared: ArrayLike) -> float:
    """Exact Wasserstein-2 distance of two equally weighted sets from their squared distances.

    squared: d^2 (n, m), unit of length squared -> sqrt(min_G sum_ij G_ij d_ij^2), rows of G summing to 1/n
    and columns to 1/m, in the unit of length.
    """
    costs = np.ascontiguousarray(squared, dtype=np.float64)
    if costs.ndim != 2:
        raise ValueError(f"squared must have shape (n, m), got {costs.shape}")
    check_finite(costs, name="squared")
    rows, columns = (np.full(size, 1.0 / size) for size in costs.shape)
    return math.sqrt(max(0.0, float(ot.emd2(rows, columns, costs, numItermax=MAX_PIVOTS))))


def geometric_w2(x: ArrayLike, y: ArrayLike, *, reflections: bool = True) -> float:
    """Wasserstein-2 distance between two sets of clusters, every pair assigned and rotated, in the unit of x.

    x: (n, n_atoms, 3), y: (m, n_atoms, 3); see the module for d(x_i, y_j). All n m distances are computed and
    the transport is exact. For a bootstrap keep `squared_distances` and resample its rows and columns.
    """
    return transport_w2(squared_distances(x, y, reflections=reflections))
