"""Noise floor of a metric: its value between two independent reference sets of the size that is judged.

No sampler can score below the floor, except by luck, and a table without it cannot be read: a distance
between two finite sets never vanishes.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np

Samples = TypeVar("Samples", bound=np.ndarray)


class NoiseFloor(NamedTuple):
    """Mean and standard deviation of a metric over repeated draws, in its unit; `sd` None where all draws
    are of the same configurations.
    """

    mean: float
    sd: float | None


def noise_floor(
    metric: Callable[[Samples, Samples], float],
    first: Samples,
    second: Samples,
    *,
    n_samples: int,
    n_repeats: int,
    rng: np.random.Generator,
) -> NoiseFloor:
    """Return the floor of `metric` between `n_samples` of one reference run and as many of an independent
    one.

    first: (N, ...), second: (M, ...), N, M >= n_samples. Each repeat draws without replacement from either
    run; repeats share configurations, so `sd` is too small unless N and M are several times `n_samples`.
    Where both runs are used whole there is one draw.
    """
    if n_repeats < 2:
        raise ValueError(f"n_repeats must be at least 2, got {n_repeats}")
    if n_samples < 1 or n_samples > min(len(first), len(second)):
        raise ValueError(
            f"n_samples must be between 1 and the {min(len(first), len(second))} samples of the smaller run, "
            f"got {n_samples}"
        )
    varies = n_samples < max(len(first), len(second))  # else what differs between draws is their order
    values = [
        metric(
            first[rng.choice(len(first), size=n_samples, replace=False)],
            second[rng.choice(len(second), size=n_samples, replace=False)],
        )
        for _ in range(n_repeats if varies else 1)
    ]
    return NoiseFloor(mean=float(np.mean(values)), sd=float(np.std(values, ddof=1)) if varies else None)


def split_reference(samples: Samples, *, rng: np.random.Generator) -> tuple[Samples, Samples]:
    """Return two disjoint halves of independent samples (N, ...), in random order, the odd one left out.

    Samples of one chain are not independent: two halves then look closer than two runs would, so split
    chains.
    """
    order = rng.permutation(len(samples))
    half = len(samples) // 2
    return samples[order[:half]], samples[order[half : 2 * half]]
