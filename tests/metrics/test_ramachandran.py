"""Proves the Ramachandran distances by hand-made histograms, their order of arguments and their floors."""

import numpy as np
import pytest

from pita.metrics import ramachandran
from pita.metrics.ramachandran import COARSE_BINS, histogram, rama_js, rama_kl, rama_tv


def points(fractions, *, n=100):
    """One residue, (n, 1, 2): psi is 0.1, phi is in as many places as there are fractions."""
    phi = np.repeat(np.arange(len(fractions)) - 1.01, np.rint(n * np.asarray(fractions)).astype(int))
    return np.stack([phi, np.full(len(phi), 0.1)], axis=-1)[:, None]


def uniform(n, *, seed):
    return np.random.default_rng(seed).uniform(-np.pi, np.pi, size=(n, 1, 2))


def test_distances_of_two_filled_bins_have_the_closed_form():
    p, q = np.array([0.5, 0.5]), np.array([0.2, 0.8])
    reference, model = points(p), points(q)
    assert rama_kl(model, reference) == pytest.approx(np.sum(p * np.log(p / q)), rel=1e-6)
    m = (p + q) / 2
    js = 0.5 * np.sum(p * np.log(p / m)) + 0.5 * np.sum(q * np.log(q / m))
    assert rama_js(model, reference) == pytest.approx(js) == pytest.approx(rama_js(reference, model))
    assert rama_tv(model, reference) == pytest.approx(0.3) == pytest.approx(rama_tv(reference, model))


def test_a_lost_mode_costs_its_mass_times_the_logarithm_of_epsilon_and_an_extra_one_little():
    full, lost = points([0.5, 0.5]), points([1.0, 0.0])
    area = (2 * np.pi / 100) ** 2
    exact = 0.5 * np.log(0.5 / 1.0) + 0.5 * np.log(0.5 / area / 1e-10)
    assert rama_kl(lost, full) == pytest.approx(exact, rel=1e-6)
    assert exact > 10.0
    assert rama_kl(full, lost) == pytest.approx(np.log(2.0), rel=1e-6)  # arguments swapped


def test_kl_equals_density_histograms_over_zero_to_two_pi():
    rng = np.random.default_rng(1)
    model, reference = (0.3 * rng.normal(size=(2, 4000, 1, 2)) + [[[-1.4, 2.5]]]).clip(-np.pi, np.pi)
    limits = [[0, 2 * np.pi]] * 2
    q, p = (
        np.histogram2d(*np.mod(side[:, 0], 2 * np.pi).T, bins=100, range=limits, density=True)[0]
        for side in (model, reference)
    )
    exact = np.sum(p * np.log((p + 1e-10) / (q + 1e-10))) * (2 * np.pi / 100) ** 2
    assert rama_kl(model, reference) == pytest.approx(exact, rel=1e-9)


def test_disjoint_samples_are_as_far_apart_as_can_be_and_equal_ones_are_not_apart():
    first, second = points([1.0, 0.0]), points([0.0, 1.0])
    assert (rama_js(first, second), rama_tv(first, second)) == pytest.approx((np.log(2.0), 1.0))
    assert [metric(first, first[::-1]) for metric in (rama_kl, rama_js, rama_tv)] == [0.0, 0.0, 0.0]


def test_the_value_is_the_mean_over_residues():
    first, second = points([1.0, 0.0]), points([0.0, 1.0])
    both = np.concatenate([first, first], axis=1), np.concatenate([first, second], axis=1)
    assert rama_tv(*both) == pytest.approx(0.5)
    assert rama_js(*both) == pytest.approx(0.5 * np.log(2.0))
    assert rama_kl(*both) == pytest.approx(0.5 * rama_kl(first, second))


def test_coarse_floors_are_as_stated_and_that_of_kl_is_made_by_epsilon(monkeypatch):
    n, n_filled = 20_000, COARSE_BINS**2
    pairs = [(uniform(n, seed=k), uniform(n, seed=100 + k)) for k in range(5)]
    js, tv = (np.mean([metric(*pair) for pair in pairs]) for metric in (rama_js, rama_tv))
    assert js == pytest.approx((n_filled - 1) / (4 * n), rel=0.1)
    assert tv == pytest.approx(np.sqrt(n_filled / (np.pi * n)), rel=0.05)
    floor = rama_kl(*pairs[0])
    monkeypatch.setattr(ramachandran, "EPSILON", 1e-4)
    assert rama_kl(*pairs[0]) < 0.6 * floor
    assert np.mean([rama_js(*pair) for pair in pairs]) == js


def test_histogram_has_phi_on_axis_zero_and_takes_pi_itself():
    found = histogram([[-3.0, 3.0], [np.pi, np.pi]], n_bins=4)
    assert found[0, 3] == found[3, 3] == 0.5


@pytest.mark.parametrize("shape", [(4, 2), (4, 2, 2), (4, 0, 2)])
def test_wrong_shapes_raise(shape):
    with pytest.raises(ValueError, match="both must have shape"):
        rama_kl(np.zeros(shape), np.zeros((4, 1, 2)))
