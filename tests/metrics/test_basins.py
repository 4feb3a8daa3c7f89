"""Proves populations and free-energy differences by counting, and that an empty basin is not known."""

import numpy as np
import pytest
from scipy.constants import R

from pita.metrics.basins import free_energy_difference, populations


def counted(n_negative, n_positive):
    return np.concatenate([np.full((n_negative, 1), -1.0), np.full((n_positive, 1), 1.0)])


def test_free_energy_has_the_closed_form_and_its_sign():
    found = free_energy_difference(counted(90, 10))
    assert found.value == pytest.approx(np.log(9.0))  # the rare basin lies higher
    assert free_energy_difference(counted(10, 90)).value == pytest.approx(-np.log(9.0))
    assert found.in_kcal(temperature=300.0).value == pytest.approx(np.log(9.0) * R * 300.0 / 4184.0)
    assert found.in_kcal(temperature=300.0).se == pytest.approx(0.5962 * found.se, rel=1e-4)


def test_any_residue_with_positive_phi_counts():
    phi = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [-1.0, -2.0]])
    assert populations(phi) == pytest.approx((0.5, 0.5, 0.25))
    assert populations(phi[:, :1]).positive == 0.25


def test_errors_are_the_scatter_over_fresh_samples_and_that_of_a_poisson_count_is_not():
    rng = np.random.default_rng(1)
    sets = [np.where(rng.random((400, 1)) < 0.7, 1.0, -1.0) for _ in range(3000)]
    found = [free_energy_difference(phi) for phi in sets]
    scatter = np.std([entry.value for entry in found])
    assert found[0].se == pytest.approx(scatter, rel=0.1)
    assert 1.0 / np.sqrt(0.7 * 400) < 0.6 * scatter
    spread = np.std([populations(phi).positive for phi in sets])
    assert populations(sets[0]).se == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize("counts", [(20, 0), (0, 20)])
def test_an_empty_basin_is_not_known_rather_than_infinite(counts):
    assert free_energy_difference(counted(*counts)) is None
    assert set(populations(counted(*counts))) == {0.0, 1.0}
