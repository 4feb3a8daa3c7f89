"""Bootstrap standard error of a distance between two finite sample sets (Efron, Ann. Statist. 7, 1 (1979)).

Both sets are drawn anew with replacement, so the error holds the scatter of the samples and of the reference.
Configurations are taken as independent: for chains, pass one configuration per autocorrelation time. A
distance between resampled sets is larger on average than the distance itself; only the spread is used.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

Samples = TypeVar("Samples", bound=np.ndarray)


def bootstrap_se(
    metric: Callable[[Samples, Samples], float],
    x: Samples,
    y: Samples,
    *,
    n_resamples: int,
    rng: np.random.Generator,
) -> float:
    """Return the standard deviation of `metric` over resampled pairs of sets, in the unit of the metric.

    x: (n, ...), y: (m, ...), resampled along the first axis. Costly parts are computed once by passing what
    the metric needs: pooled distances (n, n_pairs) for Distance-W2; for Geometric-W2 the numbers arange(n),
    arange(m) with ``lambda i, j: transport_w2(squared[np.ix_(i, j)])``.
    """
    if n_resamples < 2:
        raise ValueError(f"n_resamples must be at least 2, got {n_resamples}")
    if len(x) == 0 or len(y) == 0:
        raise ValueError(f"x and y must not be empty, got {len(x)} and {len(y)} samples")
    values = [
        metric(x[rng.integers(len(x), size=len(x))], y[rng.integers(len(y), size=len(y))])
        for _ in range(n_resamples)
    ]
    return float(np.std(values, ddof=1))
