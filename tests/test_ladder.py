"""Proves that a ladder reaches the cold Boltzmann density, does nothing twice, continues where it stopped."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from pita.annealing import AnnealingSettings
from pita.bridge import BridgeSettings
from pita.descent import DescentSettings, descend, path_to
from pita.hot_start import Start
from pita.ladder import InitialSettings, climb_down
from pita.landing import LandingSettings, SurrogateSettings
from pita.mcmc import HmcSettings
from tests.ladder_cases import N_ATOMS, N_DOF, WIDTH, Analytic, MemoryStore, Springs, generator

TEMPERATURES = (2.0, 1.4, 1.0)
ANNEALING = AnnealingSettings(
    n_levels=20, sigma_min=0.05, sigma_max=10.0, weighting="energy_kernel_ratio", resample_at_end=False
)
INITIAL = InitialSettings(
    n_chains=200,
    start=Start(spacing=1.0, jitter=0.3),
    moves=HmcSettings(n_moves=15, n_burn_in=5, n_leapfrog=5, step_size=0.3),
)


def climb(learner, store, *, power=1.0, temperatures=TEMPERATURES, n_fit=0, conditioned=False):
    descent = DescentSettings(
        n_particles=4000, annealing=ANNEALING, landing=LandingSettings(power=power), n_fit=n_fit
    )
    work = learner.work(conditioned=conditioned)
    done = climb_down(Springs(), temperatures, initial=INITIAL, descent=descent, store=store, work=work)
    return done, descent


def arrive(learner, store, descent):
    """The last temperature step, from the model of the last rung but one to the coldest temperature."""
    hot, cold = TEMPERATURES[-2:]
    model = store.load(f"model-{len(TEMPERATURES) - 2}")
    path = path_to(model, ANNEALING, gamma=hot / cold, event_shape=(N_ATOMS, 3), device="cpu")
    return descend(
        learner.bind(model, 1 / hot),
        path,
        Springs(),
        beta=1 / cold,
        settings=descent,
        work=(generator("sample"), None),
    )


def p_value(x, temperature, ess_fraction=1.0):
    """Kolmogorov-Smirnov against the exact law of beta E, on as many samples as they are worth."""
    energy = Springs().energy(torch.as_tensor(x)).double() / temperature
    stride = round(1 / ess_fraction)
    return kstest(energy[::stride].numpy(), "gamma", args=(N_DOF / 2,)).pvalue


@pytest.mark.parametrize("n_fit", [0, 500])
def test_exact_models_carry_every_rung_to_its_energy_distribution(n_fit):
    learner, store = Analytic(), MemoryStore()
    done, descent = climb(learner, store, n_fit=n_fit)
    assert done
    assert p_value(store.load("samples-1")["x"], TEMPERATURES[1]) > 1e-3
    arrived = arrive(learner, store, descent)
    assert arrived.landed.ess_fraction > 0.9
    assert p_value(arrived.landed.x, TEMPERATURES[2]) > 1e-3
    # Named wrong variants: the temperature of the rung above, and that of the hottest.
    assert p_value(arrived.landed.x, TEMPERATURES[1]) < 1e-9
    assert p_value(store.load("samples-1")["x"], TEMPERATURES[0]) < 1e-9


def test_landing_mends_wrong_models_and_without_it_they_show():
    learner, store = Analytic(factor=1.25), MemoryStore()
    _, descent = climb(learner, store)
    arrived = arrive(learner, store, descent)
    for x, ess_fraction, temperature in (
        (store.load("samples-1")["x"], store.load("samples-1")["ess_fraction"], TEMPERATURES[1]),
        (arrived.landed.x, arrived.landed.ess_fraction, TEMPERATURES[2]),
    ):
        assert p_value(x, temperature, float(ess_fraction)) > 1e-3
    assert p_value(arrived.annealed.particles.x, TEMPERATURES[2]) < 1e-9
    unlanded = MemoryStore()
    climb(learner, unlanded, power=0.0)
    assert p_value(unlanded.load("samples-1")["x"], TEMPERATURES[1]) < 1e-9


def test_bridge_mends_wrong_models_too():
    learner, store = Analytic(factor=1.25), MemoryStore()
    climb(learner, store)
    moves = HmcSettings(n_moves=1, n_burn_in=0, n_leapfrog=5, step_size=0.3)
    descent = DescentSettings(
        n_particles=2000, annealing=ANNEALING, bridge=BridgeSettings(moves=moves, ess_target=0.9)
    )
    arrived = arrive(learner, store, descent)
    assert p_value(arrived.landed.x, TEMPERATURES[2]) > 1e-3
    assert p_value(arrived.annealed.particles.x, TEMPERATURES[2]) < 1e-9
    assert arrived.n_energy_evals > 2 * 2000
    with pytest.raises(ValueError, match="exclude each other"):
        dataclasses.replace(descent, landing=LandingSettings())


def test_a_ladder_that_begins_from_samples_reaches_the_cold_density_from_wrong_models():
    learner, store = Analytic(factor=1.25), MemoryStore()
    annealing = dataclasses.replace(ANNEALING, transport="energy", n_levels=60)
    descent = DescentSettings(n_particles=4000, annealing=annealing, landing=LandingSettings(), renoise=0.5)
    work = learner.work(conditioned=False)
    assert climb_down(Springs(), TEMPERATURES, initial=INITIAL, descent=descent, store=store, work=work)
    samples = store.load("samples-1")
    assert p_value(samples["x"], TEMPERATURES[1], float(samples["ess_fraction"])) > 1e-3
    assert p_value(samples["x"], TEMPERATURES[0]) < 1e-9
    first = annealing.first_below(0.5)
    assert len(samples["trace_h"]) == 60 - first and descent.n_steps == 2 * (60 - first)
    moved = LandingSettings(surrogate=SurrogateSettings(n_moves=4, n_leapfrog=2, step_size=0.1))
    assert dataclasses.replace(descent, renoise=None, n_islands=3, landing=moved).n_steps == 184
    with pytest.raises(ValueError, match="renoise=0.5 needs samples to begin from"):
        arrive(learner, store, descent)
    with pytest.raises(ValueError, match=r"sigma must be in \(0.05, 10.0\), got 20"):
        dataclasses.replace(descent, renoise=20.0)
    unweighted = dataclasses.replace(annealing, weighting="unweighted")
    with pytest.raises(ValueError, match="renoised annealing needs energy_kernel_ratio, got 'unweighted'"):
        dataclasses.replace(descent, annealing=unweighted)


def test_nothing_is_done_twice():
    learner, store = Analytic(), MemoryStore()
    climb(learner, store)
    assert store.saved == ["samples-0", "model-0", "samples-1", "model-1"]
    assert climb(learner, store)[0]
    assert len(store.saved) == 4 and learner.fitted == [0, 1]
    del store.kept["model-1"]
    climb(learner, store)
    assert store.saved[4:] == ["model-1"] and learner.fitted == [0, 1, 1]


def test_what_a_ladder_is_not_of_is_left_out_of_every_rung_and_counted():
    store, plain = MemoryStore(), MemoryStore()
    descent = DescentSettings(n_particles=400, annealing=ANNEALING, landing=LandingSettings())
    for kept, keeps in ((store, lambda x: x[:, 0, 0] > 0), (plain, None)):
        work = Analytic().work(conditioned=False)._replace(keeps=keeps)
        climb_down(Springs(), TEMPERATURES, initial=INITIAL, descent=descent, store=kept, work=work)
    for rung, n in ((0, 2000), (1, 400)):
        samples = store.load(f"samples-{rung}")
        assert (samples["x"][:, 0, 0] > 0).all()
        assert len(samples["x"]) == len(samples["energy"]) == len(samples["force"])
        assert len(samples["x"]) + samples["n_left_out"] == n
        assert 0.3 * n < samples["n_left_out"] < 0.7 * n
        assert "n_left_out" not in plain.load(f"samples-{rung}")
    with pytest.raises(ValueError, match="none of 2000 samples"):
        work = Analytic().work(conditioned=False)._replace(keeps=lambda x: x[:, 0, 0] > 1e6)
        climb_down(Springs(), TEMPERATURES, initial=INITIAL, descent=descent, store=MemoryStore(), work=work)


@pytest.mark.parametrize("stop_at", [[0], [1], [0, 1, 1]])
def test_stopped_ladder_continues_to_the_same_arrays(stop_at):
    whole, cut, learner = MemoryStore(), MemoryStore(), Analytic(stop_at=stop_at)
    climb(Analytic(), whole)
    for _ in stop_at:
        assert not climb(learner, cut)[0]
        assert f"model-{learner.fitted[-1]}" not in cut.saved
    assert climb(learner, cut)[0]
    assert cut.saved == whole.saved
    for name, arrays in whole.kept.items():
        assert arrays.keys() == cut.kept[name].keys()
        assert all(np.array_equal(arrays[key], cut.kept[name][key]) for key in arrays)


def test_a_conditioned_model_learns_every_rung_so_far_and_another_its_own():
    for conditioned, learned in ((True, [[2.0], [2.0, 1.4]]), (False, [[2.0], [1.4]])):
        learner = Analytic()
        climb(learner, MemoryStore(), conditioned=conditioned)
        assert learner.learned == learned


def test_samples_carry_their_forces_and_their_price():
    store = MemoryStore()
    climb(Analytic(), store)
    hot, landed = store.load("samples-0"), store.load("samples-1")
    for samples in (hot, landed):
        np.testing.assert_allclose(samples["force"], -samples["x"] / WIDTH, rtol=1e-5)
        np.testing.assert_allclose(samples["energy"], Springs().energy(torch.tensor(samples["x"])), rtol=1e-5)
    # 200 chains: one evaluation to begin with, 15 moves of five; ten moves are kept. One per landed particle.
    assert (len(hot["x"]), int(hot["n_energy_evals"])) == (2000, 200 * (1 + 15 * 5))
    assert (len(landed["x"]), int(landed["n_energy_evals"])) == (4000, 4000)


def test_fitted_variances_are_those_of_the_data_and_serve_as_many_levels_only():
    learner, store = Analytic(), MemoryStore()
    climb(learner, store, n_fit=2000)
    model = store.load("model-0")
    assert float(model["data_variance"]) == pytest.approx(WIDTH * TEMPERATURES[0], rel=0.05)
    fine = model["variances"][-10:]  # at large h the fit subtracts two large numbers
    np.testing.assert_allclose(fine, WIDTH * TEMPERATURES[0], rtol=0.15)
    other = AnnealingSettings(n_levels=30, sigma_min=0.05, sigma_max=10.0, weighting="unweighted")
    for settings, fitted in ((ANNEALING, True), (other, False)):
        path = path_to(model, settings, gamma=1.4, event_shape=(N_ATOMS, 3), device="cpu")
        assert (path.variances is not None) == fitted


def test_ladders_and_populations_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"fall strictly.*\[1.0, 2.0\]"):
        climb(Analytic(), MemoryStore(), temperatures=(1.0, 2.0))
    with pytest.raises(ValueError, match="n_particles must be positive, got 0"):
        DescentSettings(n_particles=0, annealing=ANNEALING)
    with pytest.raises(ValueError, match="n_fit must not be negative, got -1"):
        DescentSettings(n_particles=1, annealing=ANNEALING, n_fit=-1)
