"""Proves that parallel tempering weighs separated modes rightly and resumes bit for bit."""

import math

import numpy as np
import pytest
import torch

from pita.mcmc import HmcSettings, run_hmc
from pita.targets.counted import CountedTarget
from pita.tempering import (
    ParallelTempering,
    start_tempering,
    state_from_arrays,
    state_to_arrays,
    temper,
)


class TwoWells:
    """E = -log p of a mixture in R^2: 0.8 at x_0 = -3 and 0.2 at x_0 = +3, both of variance 0.25.

    At inverse temperature beta the wells, far apart, weigh as 0.8^beta to 0.2^beta.
    """

    n_atoms, n_dof = 1, 2
    means = torch.tensor([[-3.0, 0.0], [3.0, 0.0]], dtype=torch.float64)
    weights = torch.tensor([0.8, 0.2], dtype=torch.float64)
    variance = 0.25

    def energy_and_force(self, x):
        offset = x[:, None] - self.means
        log_p = self.weights.log() - offset.square().sum(-1) / (2 * self.variance)
        share = log_p.softmax(dim=1)
        return -log_p.logsumexp(dim=1), -(share[..., None] * offset).sum(1) / self.variance


TARGET = TwoWells()
SETTINGS = ParallelTempering(
    temperatures=(16.0, 8.0, 4.0, 2.0, 1.0),
    n_walkers=100,
    n_moves=250,
    n_burn_in=50,
    thin=4,
    n_leapfrog=5,
    step_size=0.4,
    kept_temperatures=(2.0, 1.0),
    mean_free=False,
)


def start(target=TARGET, settings=SETTINGS):
    """All walkers in the lighter well."""
    n = len(settings.temperatures) * settings.n_walkers
    x = torch.tensor([[3.0, 0.0]], dtype=torch.float64).repeat(n, 1)
    return start_tempering(target, x, settings=settings, generator=torch.Generator().manual_seed(1))


def heavy_well(x):
    return float((x[..., 0] < 0).double().mean())


def test_tempering_finds_the_mass_of_both_wells_where_plain_hmc_stays_in_one():
    run = temper(TARGET, start(), SETTINGS.n_moves, settings=SETTINGS)
    at_two = math.sqrt(0.8) / (math.sqrt(0.8) + math.sqrt(0.2))
    assert heavy_well(run.x[0]) == pytest.approx(at_two, abs=0.04)
    assert heavy_well(run.x[1]) == pytest.approx(0.8, abs=0.04)
    assert float(run.x[1, ..., 1].var()) == pytest.approx(0.25, rel=0.06)
    plain = run_hmc(
        TARGET,
        torch.tensor([[3.0, 0.0]], dtype=torch.float64).repeat(100, 1),
        beta=1.0,
        settings=HmcSettings(n_moves=250, n_burn_in=50, n_leapfrog=5, step_size=0.4, mean_free=False),
        generator=torch.Generator().manual_seed(1),
    )
    assert abs(heavy_well(plain.x) - 0.8) > 0.04
    assert heavy_well(plain.x) == 0.0


def test_interrupted_run_equals_uninterrupted_run_bit_for_bit(tmp_path):
    whole = temper(TARGET, start(), 80, settings=SETTINGS)
    first = temper(TARGET, start(), 37, settings=SETTINGS)
    np.savez(tmp_path / "state.npz", **state_to_arrays(first.state))
    with np.load(tmp_path / "state.npz", allow_pickle=False) as arrays:
        second = temper(TARGET, state_from_arrays(arrays), 43, settings=SETTINGS)
    for name, value in whole.state._asdict().items():
        assert torch.equal(value, getattr(second.state, name)), name
    assert torch.equal(whole.x, torch.cat([first.x, second.x], dim=1))


def test_another_seed_gives_another_run():
    other = start()._replace(generator_state=torch.Generator().manual_seed(2).get_state())
    assert not torch.equal(
        temper(TARGET, start(), 3, settings=SETTINGS).state.x,
        temper(TARGET, other, 3, settings=SETTINGS).state.x,
    )


def test_step_sizes_adapt_per_temperature_in_burn_in_only():
    burnt = temper(TARGET, start(), SETTINGS.n_burn_in, settings=SETTINGS)
    after = temper(TARGET, burnt.state, 30, settings=SETTINGS)
    assert torch.equal(burnt.state.step_size, after.state.step_size)
    assert len(burnt.state.step_size.unique()) == 5
    assert burnt.x.shape[1] == 0


def test_swaps_carry_energy_and_force_along():
    state = temper(TARGET, start(), 20, settings=SETTINGS).state
    energy, force = TARGET.energy_and_force(state.x.flatten(0, 1))
    torch.testing.assert_close(state.energy.flatten(), energy, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(state.force.flatten(0, 1), force, rtol=1e-12, atol=1e-12)


def test_every_pair_is_offered_swaps_and_near_temperatures_swap_more():
    near = ParallelTempering(
        temperatures=(4.0, 1.05, 1.0),
        n_walkers=100,
        n_moves=60,
        n_burn_in=0,
        n_leapfrog=5,
        step_size=0.4,
        mean_free=False,
    )
    rate = temper(TARGET, start(settings=near), 60, settings=near).info.swap_rate
    assert 0 < float(rate[0]) < float(rate[1]) <= 1
    assert float(rate[1]) > 0.9


def test_all_rungs_move_in_one_call_and_only_moves_cost_evaluations():
    counted = CountedTarget(TARGET)
    temper(counted, start(counted), 6, settings=SETTINGS)
    assert counted.n_energy_evals == 500 * (1 + 6 * 5)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="7 configurations"):
        start_tempering(TARGET, torch.zeros(7, 2), settings=SETTINGS, generator=torch.Generator())
    with pytest.raises(ValueError, match="kept_temperatures"):
        ParallelTempering((2.0, 1.0), n_walkers=1, n_moves=1, n_burn_in=0, kept_temperatures=(1.5,))
    with pytest.raises(ValueError, match="fall"):
        ParallelTempering((1.0, 2.0), n_walkers=1, n_moves=1, n_burn_in=0)
