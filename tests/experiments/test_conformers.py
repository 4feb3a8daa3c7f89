"""Proves that shares of phi > 0 and of inverted centres are counted, and that runs which differ are seen."""

import numpy as np
import pytest

from experiments.conformers import ChainMean, chain_mean, conformer_agreement, difference_in_se, phi_angles

TOPOLOGY = {"phi": np.array([[0, 1, 2, 3]]), "chiral": np.array([[2, 1, 3, 4]])}


def molecule(phi, *, left=True):
    """Five atoms (..., 5, 3) with the dihedral `phi` (...) of the first four; atom 2 is a stereocentre."""
    x = np.zeros((*phi.shape, 5, 3), np.float32)
    x[..., 0, :] = [1.0, 0.0, 0.0]
    x[..., 2, :] = [0.0, 0.0, 1.0]
    x[..., 3, 0], x[..., 3, 1], x[..., 3, 2] = np.cos(phi), np.sin(phi), 1.5
    towards_n = np.array([0.0, 0.0, -1.0], np.float32)
    side = np.cross(towards_n, x[..., 3, :] - x[..., 2, :])
    x[..., 4, :] = x[..., 2, :] + (1 if left else -1) * side
    return x


def draws(share, *, seed=1, n_draws=50, n_chains=40):
    """Angles (n_draws, n_chains), positive with probability `share`."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(0.5, 2.0, (n_draws, n_chains))
    return np.where(rng.uniform(size=size.shape) < share, size, -size)


def test_angles_keep_draws_and_chains_apart():
    phi = draws(0.3)
    np.testing.assert_allclose(phi_angles(molecule(phi), TOPOLOGY)[0], phi, atol=1e-5)


def test_error_of_a_mean_is_that_of_independent_chains_however_correlated_in_time():
    rng = np.random.default_rng(2)
    means = [chain_mean(np.repeat(rng.normal(size=(1, 64)), 30, axis=0)) for _ in range(300)]
    spread = np.std([mean.value for mean in means])
    assert np.mean([mean.se for mean in means]) == pytest.approx(spread, rel=0.1)
    assert spread == pytest.approx(1 / 8, rel=0.15)  # and not 1 / sqrt(64 * 30)


def test_runs_that_agree_and_runs_that_do_not_are_told_apart():
    same, other = (
        conformer_agreement(
            {"first": molecule(draws(0.1)), "second": molecule(draws(share, seed=2))}, TOPOLOGY
        )
        for share in (0.1, 0.2)
    )
    first, second = same["phi_positive"][0], other["phi_positive"][0]
    assert first["fraction"]["first"] == pytest.approx(0.1, abs=0.02)
    assert abs(first["difference_in_se"]) < 3 < abs(second["difference_in_se"])
    # 2000 independent draws: sqrt(0.1 * 0.9 / 2000)
    assert first["fraction_se"]["first"] == pytest.approx(0.0067, rel=0.3)
    assert first["split_r_hat_sine"] < 1.02
    slow = molecule(np.sort(draws(0.5), axis=0))
    drifting = conformer_agreement({"first": slow, "second": slow}, TOPOLOGY)["phi_positive"][0]
    assert drifting["split_r_hat_sine"] > 1.2


def test_inverted_centres_are_counted():
    phi = draws(0.1)
    mixed = molecule(phi)
    mixed[:10] = molecule(phi[:10], left=False)
    report = conformer_agreement({"first": molecule(phi), "second": mixed}, TOPOLOGY)
    assert report["wrong_chirality"] == {"first": 0.0, "second": 0.2}


def test_difference_without_errors_is_none():
    assert difference_in_se(ChainMean(0.0, 0.0), ChainMean(0.0, 0.0)) is None
    assert difference_in_se(ChainMean(1.0, 0.3), ChainMean(0.0, 0.4)) == pytest.approx(2.0)
