"""Proves that the energy distances have their closed forms and refuse, with a count, what is not finite."""

import numpy as np
import pytest

from pita.metrics.energy import energy_w1, energy_w2


@pytest.mark.parametrize("metric", [energy_w1, energy_w2])
def test_a_shift_costs_exactly_the_shift(metric):
    energies = np.random.default_rng(1).normal(-43.0, 7.0, size=1000)
    assert metric(energies + 2.5, energies) == pytest.approx(2.5)
    assert metric(energies, energies[::-1]) == 0.0


def test_one_outlier_weighs_by_its_distance_in_w1_and_by_its_square_in_w2():
    energies = np.zeros(100)
    outlier = energies.copy()
    outlier[3] = 50.0
    assert energy_w1(outlier, energies) == pytest.approx(50.0 / 100)
    assert energy_w2(outlier, energies) == pytest.approx(50.0 / 10)


def test_gaussian_energies_reach_the_closed_form_and_the_unrooted_value_does_not():
    rng = np.random.default_rng(2)
    a, b = rng.normal(-43.0, 7.0, size=100_000), rng.normal(-41.0, 8.0, size=60_000)
    exact = np.hypot(2.0, 1.0)
    assert energy_w2(a, b) == pytest.approx(exact, abs=0.1)
    assert abs(energy_w2(a, b) ** 2 - exact) > 1.0


@pytest.mark.parametrize("metric", [energy_w1, energy_w2])
def test_infinite_and_nan_energies_raise_and_are_counted(metric):
    bad = np.array([0.0, np.inf, np.nan, 1.0])
    with pytest.raises(ValueError, match="a holds 2 NaN or infinite values out of 4"):
        metric(bad, np.zeros(4))
    with pytest.raises(ValueError, match="b holds 2 NaN or infinite values out of 4"):
        metric(np.zeros(4), bad)


@pytest.mark.parametrize("shape", [(0,), (3, 1)])
def test_empty_or_nested_energies_raise(shape):
    with pytest.raises(ValueError, match="a "):
        energy_w1(np.zeros(shape), np.zeros(3))
