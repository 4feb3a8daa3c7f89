"""Proves that transport on the line is exact for any two sizes, and that Distance-W2 sees shape only."""

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from scipy.stats import wasserstein_distance

from pita.geometry import random_rotations
from pita.metrics.distance import distance_w2, pooled_distances, wasserstein_1d


def transport_by_linear_program(a, b, power):
    cost = np.abs(a[:, None] - b[None]) ** power
    rows = np.kron(np.eye(len(a)), np.ones(len(b)))
    columns = np.kron(np.ones(len(a)), np.eye(len(b)))
    masses = np.r_[np.full(len(a), 1 / len(a)), np.full(len(b), 1 / len(b))]
    return linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=masses).fun ** (1 / power)


@pytest.mark.parametrize("sizes", [(7, 7), (7, 4), (3, 11)])
@pytest.mark.parametrize("power", [1, 2])
def test_wasserstein_on_the_line_equals_the_linear_program(sizes, power):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=sizes[0]), 1.0 + 2.0 * rng.normal(size=sizes[1])
    assert wasserstein_1d(a, b, power=power) == pytest.approx(
        transport_by_linear_program(a, b, power), rel=1e-9
    )


def test_w1_of_large_unequal_samples_equals_scipy():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=5000), rng.exponential(size=3777)
    assert wasserstein_1d(a, b, power=1) == pytest.approx(wasserstein_distance(a, b), rel=1e-9)


def test_repeating_every_value_changes_nothing():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=50), rng.normal(size=50)
    equal = wasserstein_1d(a, b, power=2)
    assert wasserstein_1d(np.repeat(a, 3), b, power=2) == pytest.approx(equal, rel=1e-9)


def test_gaussians_reach_the_closed_form_and_the_wrong_power_does_not():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=200_000), 1.0 + 3.0 * rng.normal(size=200_000)
    exact = np.hypot(1.0, 3.0 - 1.0)  # W2^2 = (mu - mu')^2 + (s - s')^2
    assert wasserstein_1d(a, b, power=2) == pytest.approx(exact, abs=0.02)
    assert abs(wasserstein_1d(a, b, power=1) - exact) > 0.2


def test_distance_w2_of_scaled_diatomics_is_the_stretch():
    x = np.zeros((5, 2, 3))
    x[:, 1, 0] = 1.0
    assert distance_w2(x, 1.5 * x) == pytest.approx(0.5)


def test_distance_w2_ignores_rotation_permutation_translation_but_not_scale():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(20, 5, 3)), rng.normal(size=(20, 5, 3))
    rotations = random_rotations(20, generator=torch.Generator().manual_seed(1), dtype=torch.float64).numpy()
    moved = (x @ rotations.transpose(0, 2, 1) + rng.normal(size=(20, 1, 3)))[:, rng.permutation(5)]
    assert distance_w2(moved, x) == pytest.approx(0.0, abs=1e-12)
    assert distance_w2(moved, y) == pytest.approx(distance_w2(x, y), rel=1e-9)
    assert distance_w2(1.1 * x, x) > 0.1


def test_pooling_forgets_which_configuration_a_distance_came_from():
    x = np.random.default_rng(6).normal(size=(4, 3, 3))
    assert pooled_distances(x).shape == (4, 3)
    assert distance_w2(x, x[::-1]) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_coordinates_raise_and_are_counted(bad):
    x = np.zeros((3, 2, 3))
    x[0, 0, :2] = bad
    with pytest.raises(ValueError, match="x holds 2 NaN or infinite values out of 18"):
        distance_w2(x, np.zeros((3, 2, 3)))


@pytest.mark.parametrize("shape", [(3, 6), (3, 2, 2), (0, 2, 3)])
def test_wrong_or_empty_shapes_raise(shape):
    with pytest.raises(ValueError, match="x"):
        distance_w2(np.zeros(shape), np.zeros((3, 2, 3)))
