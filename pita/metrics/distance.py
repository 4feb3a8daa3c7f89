"""Distance-W2: how far the interatomic distances of two sample sets are apart.

Every pair distance |x_i - x_j|, i < j, of every configuration goes into one pool; the two pools are compared
as distributions on the line. Same definition as the released code of PITA (arXiv 2506.16471).
"""

import numpy as np
import ot
import torch
from numpy.typing import ArrayLike, NDArray

from pita.geometry import pair_distances


def check_finite(values: NDArray[np.float64], *, name: str) -> None:
    """Raise ValueError, with the count of offenders, unless `values` is non-empty and finite."""
    if values.size == 0:
        raise ValueError(f"{name} is empty")
    n_bad = int(np.count_nonzero(~np.isfinite(values)))
    if n_bad:
        raise ValueError(f"{name} holds {n_bad} NaN or infinite values out of {values.size}")


def as_configurations(x: ArrayLike, *, name: str) -> NDArray[np.float64]:
    """Return `x` (n, n_atoms, 3) in float64; another shape or a non-finite coordinate raises ValueError."""
    configurations = np.ascontiguousarray(x, dtype=np.float64)
    if configurations.ndim != 3 or configurations.shape[-1] != 3:
        raise ValueError(f"{name} must have shape (n, n_atoms, 3), got {configurations.shape}")
    check_finite(configurations, name=name)
    return configurations


def wasserstein_1d(a: ArrayLike, b: ArrayLike, *, power: int) -> float:
    """Exact Wasserstein distance between two samples on the line, equal weight to each value.

    a: (n,), b: (m,), any equal unit, also the unit of the result. With quantile functions F_a^-1, F_b^-1
    W_p = (int_0^1 |F_a^-1(u) - F_b^-1(u)|^p du)^(1/p); for n = m the mean over the sorted values.
    """
    values = [np.asarray(sample, dtype=np.float64) for sample in (a, b)]
    for name, sample in zip("ab", values, strict=True):
        if sample.ndim != 1:
            raise ValueError(f"{name} must have shape (n,), got {sample.shape}")
        check_finite(sample, name=name)
    first, second = values
    if len(first) == len(second):
        cost = float(np.mean(np.abs(np.sort(first) - np.sort(second)) ** power))
    else:
        cost = float(ot.emd2_1d(first, second, metric="minkowski", p=power))
    return cost ** (1.0 / power)


def pooled_distances(x: ArrayLike) -> NDArray[np.float64]:
    """Return all pair distances i < j of every configuration, (n, n_pairs), from x (n, n_atoms, 3)."""
    return pair_distances(torch.from_numpy(as_configurations(x, name="x"))).numpy()


def distance_w2(x: ArrayLike, y: ArrayLike) -> float:
    """Wasserstein-2 distance between the pooled pair distances of two sample sets, in the unit of x.

    x: (n, n_atoms, 3), y: (m, n_atoms, 3), both pools in the same unit of length;
    sqrt(min over couplings of the n n_pairs and m n_pairs distances of the mean of (r - r')^2).
    """
    return wasserstein_1d(pooled_distances(x).ravel(), pooled_distances(y).ravel(), power=2)
