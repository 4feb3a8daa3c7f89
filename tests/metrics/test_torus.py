"""Proves Torus-W2 against assignment by brute force, around the circle, and that early stops raise."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from pita.metrics import geometric
from pita.metrics.torus import torus_squared, torus_w2
from pita.metrics.transport import least_mean_cost


def wrap(angles):
    return np.angle(np.exp(1j * np.asarray(angles)))


def uniform(n, n_angles, *, seed):
    return np.random.default_rng(seed).uniform(-np.pi, np.pi, size=(n, n_angles))


def test_squared_distances_are_those_of_the_shortest_way_around():
    a, b = uniform(20, 3, seed=1), uniform(30, 3, seed=2)
    shifts = 2 * np.pi * np.arange(-1, 2)
    shortest = np.abs(a[:, None, :, None] - b[None, :, :, None] + shifts).min(axis=-1)
    assert torus_squared(a, b) == pytest.approx(np.sum(shortest**2, axis=-1))
    straight = np.sum((a[:, None] - b[None]) ** 2, axis=-1)
    assert straight.mean() > 1.5 * torus_squared(a, b).mean()


def test_value_is_the_root_of_the_best_assignment():
    a, b = uniform(40, 4, seed=3), uniform(40, 4, seed=4)
    squared = torus_squared(a, b)
    exact = squared[linear_sum_assignment(squared)].mean()
    assert torus_w2(a, b) == pytest.approx(np.sqrt(exact), rel=1e-9)
    assert abs(torus_w2(a, b) - exact) > 0.5  # not rooted
    assert np.sqrt(squared.diagonal().mean()) > 1.2 * np.sqrt(exact)  # paired as they come


def test_clusters_on_both_sides_of_pi_are_close_and_a_turn_of_both_changes_nothing():
    rng = np.random.default_rng(5)
    a, b = wrap(3.1 + 0.01 * rng.normal(size=(60, 2))), wrap(-3.1 + 0.01 * rng.normal(size=(60, 2)))
    assert torus_w2(a, b) == pytest.approx(np.sqrt(2) * (2 * np.pi - 6.2), rel=0.05)
    assert torus_w2(wrap(a + 2.0), wrap(b + 2.0)) == pytest.approx(torus_w2(a, b), rel=1e-9)
    assert torus_w2(a, a[::-1]) == pytest.approx(0.0, abs=1e-9)


def test_unequal_sets_weigh_every_sample_equally():
    a, b = uniform(6, 2, seed=6), uniform(9, 2, seed=7)
    assert torus_w2(np.repeat(a, 3, axis=0), np.repeat(b, 2, axis=0)) == pytest.approx(torus_w2(a, b))


def test_a_solver_that_stops_early_raises_instead_of_answering(monkeypatch):
    squared = torus_squared(uniform(50, 2, seed=8), uniform(50, 2, seed=9))
    exact = least_mean_cost(squared)
    monkeypatch.setattr(geometric, "MAX_PIVOTS", 3)
    with pytest.raises(RuntimeError, match="the transport has not converged"):
        least_mean_cost(squared)
    with pytest.warns(UserWarning, match="numItermax"):
        assert geometric.transport_w2(squared) ** 2 != pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize(
    ("angles", "message"),
    [(np.zeros(4), "shape"), (np.full((4, 2), 180.0), "radians"), (np.full((4, 2), np.nan), "8 NaN")],
)
def test_degrees_nan_and_wrong_shapes_raise(angles, message):
    with pytest.raises(ValueError, match=message):
        torus_w2(angles, np.zeros((4, 2)))


def test_different_numbers_of_angles_raise():
    with pytest.raises(ValueError, match="first has 2 angles and second has 3"):
        torus_w2(np.zeros((4, 2)), np.zeros((4, 3)))
