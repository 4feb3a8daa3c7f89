"""Proves that population annealing reaches the cold distribution and estimates log Z ratios."""

import math

import pytest
import torch

from pita.mcmc import init_state
from pita.population import PopulationAnnealing, anneal_population, geometric_temperatures
from pita.targets.counted import CountedTarget

D, N = 6, 2000


class Oscillator:
    """E = |x|^2 / 2 in R^6: log Z(beta) = 3 log(2 pi / beta)."""

    n_atoms, n_dof = 1, D

    def energy_and_force(self, x):
        return 0.5 * x.square().sum(-1), -x


TEMPERATURES = geometric_temperatures(4.0, 1.0, 9)


def anneal(target, *, n_moves=2, temperatures=TEMPERATURES, hot_variance=4.0):
    g = torch.Generator().manual_seed(1)
    x = hot_variance**0.5 * torch.randn(N, D, generator=g, dtype=torch.float64)
    settings = PopulationAnnealing(
        temperatures, n_moves=n_moves, n_leapfrog=4, step_size=0.5, mean_free=False
    )
    return anneal_population(target, init_state(target, x), settings=settings, generator=g)


def test_log_z_ratio_is_exact_unless_the_hot_population_is_out_of_equilibrium():
    truth = D / 2 * math.log(1 / 4)
    bound = 0.08  # four standard errors: sqrt(sum of relative weight variances / N) = 0.02
    assert abs(float(anneal(Oscillator()).log_z_ratio.sum()) - truth) < bound
    assert abs(float(anneal(Oscillator(), hot_variance=2.0).log_z_ratio.sum()) - truth) > bound


def test_the_population_reaches_the_cold_variance():
    run = anneal(Oscillator())
    bound = 4 * math.sqrt(2 / (N * D)) * 1.5  # resampled relatives are correlated
    assert abs(float(run.state.x.var()) - 1) < bound
    hot = anneal(Oscillator(), temperatures=(4.0, 1.3, 1.2))
    assert abs(float(hot.state.x.var()) - 1) > bound  # stopping short of T = 1 would be seen


def test_ess_of_one_step_has_its_closed_form():
    """ESS / N = Z(b')^2 / (Z(b) Z(2 b' - b)) with Z(b) ~ b^(-D/2)."""
    run = anneal(Oscillator(), temperatures=(4.0, 3.0))
    cold, hot = 1 / 3, 1 / 4
    expected = (cold**-D) / (hot * (2 * cold - hot)) ** (-D / 2)
    assert float(run.ess[0]) / N == pytest.approx(expected, rel=0.03)


def test_ancestors_die_out_but_are_traced():
    run = anneal(Oscillator())
    survivors = len(run.ancestor.unique())
    assert 1 < survivors < N
    assert int(run.ancestor.max()) < N


def test_evaluations_are_moves_times_leapfrogs():
    counted = CountedTarget(Oscillator())
    anneal(counted, n_moves=3)
    assert counted.n_energy_evals == N * (1 + 8 * 3 * 4)


def test_geometric_temperatures_have_a_constant_ratio_and_exact_ends():
    t = torch.tensor(TEMPERATURES, dtype=torch.float64)
    torch.testing.assert_close(t[:-1] / t[1:], torch.full((8,), 4 ** (1 / 8), dtype=torch.float64))
    assert (TEMPERATURES[0], TEMPERATURES[-1]) == (4.0, 1.0)
    with pytest.raises(ValueError, match="hot > cold"):
        geometric_temperatures(1.0, 4.0, 3)
