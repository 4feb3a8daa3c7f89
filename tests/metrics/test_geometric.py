"""Proves Geometric-W2 against brute force over permutations and rotations, and what it is invariant to."""

from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment, minimize
from scipy.spatial.transform import Rotation

from pita.metrics.geometric import geometric_w2, kabsch_overlap, squared_distances, transport_w2

MIRROR = np.diag([1.0, 1.0, -1.0])


def clusters(n, *, seed, n_atoms=4):
    x = np.random.default_rng(seed).normal(size=(n, n_atoms, 3))
    return x - x.mean(axis=1, keepdims=True)


def best_permutation(x, y):
    return min((y[list(order)] for order in permutations(range(len(y)))), key=lambda z: np.sum((x - z) ** 2))


def best_rotation(x, y):
    """Least |x - y R^T|^2 over rotations: a grid of 2,000 orientations, then descent from the best."""
    grid = Rotation.random(2000, rng=np.random.default_rng(0))
    squared = np.sum((x - y @ grid.as_matrix().transpose(0, 2, 1)) ** 2, axis=(1, 2))
    start = grid[int(squared.argmin())].as_rotvec()
    return minimize(lambda v: np.sum((x - Rotation.from_rotvec(v).apply(y)) ** 2), start, method="BFGS").fun


@pytest.mark.parametrize("reflections", [False, True])
def test_distances_equal_brute_force_over_permutations_then_rotations(reflections):
    x, y = clusters(3, seed=1), clusters(4, seed=2)
    squared = squared_distances(x, y, reflections=reflections)
    for i, j in np.ndindex(3, 4):
        permuted = best_permutation(x[i], y[j])
        least = best_rotation(x[i], permuted)
        if reflections:
            least = min(least, best_rotation(x[i], permuted @ MIRROR))
        assert squared[i, j] == pytest.approx(least, rel=1e-6)


def test_transport_equals_the_assignment_of_samples():
    squared = squared_distances(clusters(9, seed=3), clusters(9, seed=4))
    exact = np.sqrt(squared[linear_sum_assignment(squared)].mean())
    assert transport_w2(squared) == pytest.approx(exact, rel=1e-12)
    assert np.sqrt(squared.diagonal().mean()) > 1.1 * exact  # pairing samples as they come


def test_unequal_sets_weigh_every_configuration_equally():
    x, y = clusters(3, seed=5), clusters(6, seed=6)
    value = geometric_w2(x, y)
    assert geometric_w2(np.repeat(x, 2, axis=0), y) == pytest.approx(value, rel=1e-9)
    assert geometric_w2(y, x) == pytest.approx(value, rel=1e-9)


def test_value_ignores_order_of_samples_and_atoms_and_position():
    x, y = clusters(6, seed=7), clusters(6, seed=8)
    moved = y[::-1, [2, 0, 3, 1]] + 5.0
    assert geometric_w2(x, moved) == pytest.approx(geometric_w2(x, y), rel=1e-9)
    assert geometric_w2(x, x[::-1, [1, 3, 2, 0]]) == pytest.approx(0.0, abs=1e-6)


def test_turning_both_sets_alike_changes_nothing_and_turning_one_does():
    x, y = clusters(6, seed=9), clusters(6, seed=10)
    turn = Rotation.from_rotvec([0.4, 1.1, -0.7]).as_matrix()
    assert geometric_w2(x @ turn, y @ turn) == pytest.approx(geometric_w2(x, y), rel=1e-9)
    assert abs(geometric_w2(x @ turn, y) - geometric_w2(x, y)) > 0.01  # assigned before it is rotated


def test_small_turns_are_undone_and_larger_clusters_are_not():
    x = clusters(5, seed=11)
    turn = Rotation.from_rotvec([0.02, -0.01, 0.02]).as_matrix()
    assert geometric_w2(x, x @ turn) == pytest.approx(0.0, abs=1e-6)
    assert geometric_w2(x, 1.1 * x) == pytest.approx(
        0.1 * np.sqrt(np.sum(x**2, axis=(1, 2)).mean()), rel=1e-9
    )


def test_only_reflections_superimpose_mirror_images():
    x = clusters(20, seed=12)
    covariance = x.transpose(0, 2, 1) @ (x @ MIRROR)
    squares = np.sum(x**2, axis=(1, 2))
    assert kabsch_overlap(covariance, reflections=True) == pytest.approx(squares)
    assert np.mean(kabsch_overlap(covariance, reflections=False) / squares) < 0.95


@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 4, 2), (0, 4, 3)])
def test_mismatched_or_empty_sets_raise(shape):
    with pytest.raises(ValueError, match="y "):
        geometric_w2(clusters(2, seed=13), np.zeros(shape))


def test_non_finite_coordinates_raise_and_are_counted():
    bad = clusters(2, seed=14)
    bad[1, 2, 0] = np.nan
    with pytest.raises(ValueError, match="y holds 1 NaN or infinite values out of 24"):
        geometric_w2(clusters(2, seed=13), bad)


def test_processes_share_the_rows_and_change_no_bit():
    x, y = clusters(5, seed=15), clusters(4, seed=16)
    assert np.array_equal(squared_distances(x, y, n_workers=2), squared_distances(x, y))
    with pytest.raises(ValueError, match="n_workers must be at least 1, got 0"):
        squared_distances(x, y, n_workers=0)
