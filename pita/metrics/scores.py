"""All metrics of one sample set against a reference set, each with its bootstrap standard error."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pita.metrics.bootstrap import bootstrap_se
from pita.metrics.distance import pooled_distances, wasserstein_1d
from pita.metrics.energy import energy_w1, energy_w2
from pita.metrics.geometric import squared_distances, transport_w2

Array = NDArray[np.float64]


class Score(NamedTuple):
    """A metric and the bootstrap standard error of it, in the unit of the metric."""

    value: float
    se: float


class SampleSet(NamedTuple):
    """Configurations `x` (n, n_atoms, 3), unit of length, and their reduced energies beta * E (n,)."""

    x: Array
    reduced_energy: Array


def cheap_scores(
    samples: SampleSet, reference: SampleSet, *, n_resamples: int, rng: np.random.Generator
) -> dict[str, Score]:
    """Return Distance-W2 (unit of length), Energy-W1 and Energy-W2 (kT) by name."""

    def pooled_w2(a: Array, b: Array) -> float:
        return wasserstein_1d(a.ravel(), b.ravel(), power=2)

    pairs = pooled_distances(samples.x), pooled_distances(reference.x)
    energies = samples.reduced_energy, reference.reduced_energy
    return {
        "distance_w2": Score(
            pooled_w2(*pairs), bootstrap_se(pooled_w2, *pairs, n_resamples=n_resamples, rng=rng)
        ),
        "energy_w1": Score(
            energy_w1(*energies), bootstrap_se(energy_w1, *energies, n_resamples=n_resamples, rng=rng)
        ),
        "energy_w2": Score(
            energy_w2(*energies), bootstrap_se(energy_w2, *energies, n_resamples=n_resamples, rng=rng)
        ),
    }


def geometric_score(
    samples: SampleSet,
    reference: SampleSet,
    *,
    n_resamples: int,
    rng: np.random.Generator,
    n_workers: int = 1,
) -> Score:
    """Return Geometric-W2 (unit of length); resamples draw rows and columns of one matrix of distances."""
    squared = squared_distances(samples.x, reference.x, n_workers=n_workers)

    def resampled_w2(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> float:
        return transport_w2(squared[np.ix_(rows, columns)])

    rows, columns = (np.arange(size) for size in squared.shape)
    return Score(
        transport_w2(squared), bootstrap_se(resampled_w2, rows, columns, n_resamples=n_resamples, rng=rng)
    )
