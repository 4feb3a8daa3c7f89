"""Proves that the bounds bracket the joint optimum over permutation and rotation, found by brute force."""

from itertools import permutations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pita.metrics.geometric import kabsch_overlap, squared_distances, transport_w2
from pita.metrics.geometric_bounds import aligned_squared_distances, geometric_w2_bounds, lower_bounds


def clusters(n, *, seed, n_atoms=5):
    x = np.random.default_rng(seed).normal(size=(n, n_atoms, 3))
    return x - x.mean(axis=1, keepdims=True)


def joint_minimum(x, y, *, reflections):
    """Least |x - P y R^T|^2: every permutation, each with its own optimal rotation."""
    orders = np.array(list(permutations(range(len(y)))))
    overlap = kabsch_overlap(x.T @ y[orders], reflections=reflections).max()
    return np.sum(x**2) + np.sum(y**2) - 2.0 * overlap


@pytest.mark.parametrize("reflections", [False, True])
def test_alternation_finds_the_joint_minimum_where_assign_then_rotate_misses_it(reflections):
    x, y = clusters(20, seed=1), clusters(20, seed=2)
    exact = np.array([joint_minimum(a, b, reflections=reflections) for a, b in zip(x, y, strict=True)])
    rng = np.random.default_rng(3)
    found = aligned_squared_distances(x, y, n_starts=400, rng=rng, reflections=reflections)
    assert found == pytest.approx(exact, rel=1e-9)
    assert np.mean(squared_distances(x, y, reflections=reflections).diagonal() > 1.01 * exact) > 0.6


def test_lower_bound_is_below_the_joint_minimum_and_zero_for_copies():
    x, y = clusters(8, seed=4), clusters(8, seed=5)
    exact = np.array([[joint_minimum(a, b, reflections=True) for b in y] for a in x])
    bounds = lower_bounds(x, y)
    assert np.all(bounds <= exact)
    assert np.all(bounds > 0.0)
    assert np.any(2.0 * x.shape[1] * bounds > exact)  # without the factor 1 / (2 n) it is no bound
    assert lower_bounds(x, x[:, ::-1]).diagonal() == pytest.approx(0.0, abs=1e-12)


def test_lower_bound_ignores_rotation_reflection_and_permutation():
    x, y = clusters(6, seed=6), clusters(6, seed=7)
    turn = -Rotation.from_rotvec([0.4, 1.1, -0.7]).as_matrix()
    assert lower_bounds(x, (y @ turn)[:, [4, 2, 0, 1, 3]]) == pytest.approx(lower_bounds(x, y), rel=1e-9)


def test_alternation_undoes_rotation_and_permutation_of_thirteen_atoms():
    x = clusters(10, seed=8, n_atoms=13)
    turns = Rotation.random(10, rng=np.random.default_rng(9)).as_matrix()
    moved = (x @ turns)[:, np.random.default_rng(10).permutation(13)]
    rng = np.random.default_rng(11)
    assert aligned_squared_distances(x, moved, n_starts=0, rng=rng) == pytest.approx(0.0, abs=1e-9)
    assert squared_distances(x, moved).diagonal().min() > 1.0


def test_bounds_hold_the_exact_distance_and_candidates_tighten_the_upper_one():
    x, y = clusters(10, seed=12, n_atoms=4), clusters(8, seed=13, n_atoms=4)
    exact = transport_w2([[joint_minimum(a, b, reflections=True) for b in y] for a in x])
    bounds = [
        geometric_w2_bounds(x, y, n_candidates=k, n_starts=150, rng=np.random.default_rng(14))
        for k in (2, 99)
    ]
    assert all(b.lower <= exact <= b.upper + 1e-9 for b in bounds)
    assert transport_w2(squared_distances(x, y)) > 1.1 * bounds[0].upper > 1.1 * bounds[1].upper
    assert bounds[1].upper == pytest.approx(exact, rel=1e-3)


def test_no_candidates_raise():
    with pytest.raises(ValueError, match="n_candidates must be at least 1, got 0"):
        geometric_w2_bounds(
            clusters(2, seed=1), clusters(2, seed=2), n_candidates=0, n_starts=1, rng=np.random.default_rng(1)
        )
