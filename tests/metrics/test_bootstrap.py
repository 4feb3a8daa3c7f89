"""Proves that the bootstrap error is the scatter of a metric over fresh samples of both sets."""

import numpy as np
import pytest

from pita.metrics.bootstrap import bootstrap_se
from pita.metrics.distance import distance_w2, pooled_distances, wasserstein_1d
from pita.metrics.energy import energy_w1
from pita.metrics.geometric import squared_distances, transport_w2


def mean_difference(a, b):
    return float(a.mean() - b.mean())


def test_error_of_a_mean_difference_has_the_closed_form_and_one_sided_resampling_does_not():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.0, 2.0, size=400), rng.normal(0.0, 3.0, size=100)
    exact = np.sqrt(a.var() / 400 + b.var() / 100)
    both = bootstrap_se(mean_difference, a, b, n_resamples=2000, rng=rng)
    one_sided = bootstrap_se(lambda x, _: mean_difference(x, b), a, b, n_resamples=2000, rng=rng)
    assert both == pytest.approx(exact, rel=0.08)  # five standard errors of 2,000 resamples
    assert one_sided < 0.5 * exact


def test_error_of_energy_w1_matches_the_scatter_over_fresh_samples():
    rng = np.random.default_rng(2)
    fresh = [energy_w1(rng.normal(2.0, 7.0, size=500), rng.normal(0.0, 7.0, size=500)) for _ in range(400)]
    errors = [
        bootstrap_se(
            energy_w1,
            rng.normal(2.0, 7.0, size=500),
            rng.normal(0.0, 7.0, size=500),
            n_resamples=100,
            rng=rng,
        )
        for _ in range(20)
    ]
    assert np.mean(errors) == pytest.approx(np.std(fresh), rel=0.15)


def test_resampling_precomputed_parts_equals_resampling_configurations():
    x, y = (np.random.default_rng(seed).normal(size=(12, 4, 3)) for seed in (3, 4))
    direct = bootstrap_se(distance_w2, x, y, n_resamples=5, rng=np.random.default_rng(5))
    pooled = bootstrap_se(
        lambda a, b: wasserstein_1d(a.ravel(), b.ravel(), power=2),
        pooled_distances(x),
        pooled_distances(y),
        n_resamples=5,
        rng=np.random.default_rng(5),
    )
    assert pooled == pytest.approx(direct, rel=1e-12)


def test_rows_and_columns_of_squared_distances_can_be_resampled():
    x, y = (np.random.default_rng(seed).normal(size=(12, 4, 3)) for seed in (6, 7))
    squared = squared_distances(x, y)
    error = bootstrap_se(
        lambda i, j: transport_w2(squared[np.ix_(i, j)]),
        np.arange(12),
        np.arange(12),
        n_resamples=20,
        rng=np.random.default_rng(8),
    )
    assert 0.0 < error < 0.5


def test_same_seed_same_error_and_another_seed_another():
    a, b = np.random.default_rng(9).normal(size=(2, 50))
    first, again, other = (
        bootstrap_se(energy_w1, a, b, n_resamples=10, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_too_few_resamples_or_samples_raise():
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match="n_resamples must be at least 2, got 1"):
        bootstrap_se(energy_w1, np.zeros(3), np.zeros(3), n_resamples=1, rng=rng)
    with pytest.raises(ValueError, match="got 3 and 0 samples"):
        bootstrap_se(energy_w1, np.zeros(3), np.zeros(0), n_resamples=2, rng=rng)
