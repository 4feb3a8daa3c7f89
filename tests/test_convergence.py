"""Proves that the diagnostics know correlated from independent draws and agreeing from disagreeing chains."""

import pytest
import torch

from pita.convergence import autocorrelation_time, chain_ess, quantile_gap, split_r_hat


def ar1(rho, *, n_chains=16, n_draws=8000, seed=1):
    """x_t = rho x_{t-1} + sqrt(1 - rho^2) e_t, started in equilibrium: tau = (1 + rho) / (1 - rho)."""
    g = torch.Generator().manual_seed(seed)
    noise = torch.randn(n_draws, n_chains, generator=g, dtype=torch.float64)
    x = [noise[0]]
    for e in noise[1:]:
        x.append(rho * x[-1] + (1 - rho**2) ** 0.5 * e)
    return torch.stack(x, dim=1)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_autocorrelation_time_of_an_autoregression_is_its_closed_form(rho):
    expected = (1 + rho) / (1 - rho)
    assert autocorrelation_time(ar1(rho)) == pytest.approx(expected, rel=0.15)
    assert chain_ess(ar1(rho)) == pytest.approx(128_000 / expected, rel=0.15)


def test_anticorrelated_draws_are_worth_no_more_than_the_total():
    series = ar1(-0.5)
    assert autocorrelation_time(series) < 0.5
    assert chain_ess(series) == series.numel()


def test_disagreeing_chains_raise_r_hat_and_shrink_the_ess():
    agree, apart = ar1(0.5), ar1(0.5)
    apart[:8] += 1.0
    assert split_r_hat(agree) < 1.01 < 1.1 < split_r_hat(apart)
    assert chain_ess(apart) < 100 < 20_000 < chain_ess(agree)


def test_a_drift_within_chains_raises_r_hat():
    series = ar1(0.0, n_draws=1000)
    assert split_r_hat(series) < 1.01
    assert split_r_hat(series + torch.linspace(0, 2, 1000, dtype=torch.float64)) > 1.1


def test_r_hat_uses_ranks_only():
    series = ar1(0.5, n_draws=500)
    assert split_r_hat(series.exp()) == pytest.approx(split_r_hat(series), abs=1e-12)


def test_quantile_gap_of_a_shifted_sample_is_the_shift():
    x = torch.randn(5000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    gap = quantile_gap(x + 0.5, x, probabilities=(0.1, 0.5, 0.9))
    torch.testing.assert_close(gap, torch.full((3,), 0.5, dtype=torch.float64))


def test_bad_series_are_refused():
    with pytest.raises(ValueError, match="constant"):
        autocorrelation_time(torch.ones(2, 10))
    with pytest.raises(ValueError, match="non-finite"):
        split_r_hat(torch.full((2, 10), float("nan")))
    with pytest.raises(ValueError, match=r"\(3,\)"):
        chain_ess(torch.zeros(3))
