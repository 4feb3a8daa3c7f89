"""Proves that landing weights and bridges reach the target, whatever the model, and that moves keep it."""

import math

import pytest
import torch

from pita.bridge import BridgeSettings, Interpolation, cross, largest_step
from pita.landing import LandingSettings, SurrogateSettings, land
from pita.log_weights import effective_sample_size
from pita.mcmc import HmcSettings
from pita.smc import Particles
from pita.targets.counted import CountedTarget
from pita.targets.gaussian import GaussianMixture
from tests.annealing_cases import ScaledScore, left_mass, path_of, run, two_modes

N = 2000
TARGET = two_modes(3)
BETA = 1.5
TRUTH = TARGET.annealed(BETA)
MASS, LOG_Z = TRUTH.weights[0].item(), TARGET.annealed_log_z(BETA)
MASS_SE = math.sqrt(MASS * (1 - MASS) / N)
MOVES = HmcSettings(n_moves=5, n_burn_in=2, thin=5, n_leapfrog=5, step_size=0.1, mean_free=False)


class Overlapping:
    """The target, with infinite energy where particles would overlap and NaN further out."""

    n_atoms, n_dof = 1, 3

    def energy(self, x):
        energy = torch.where(x[:, 1] > 0.4, torch.inf, TARGET.energy(x))
        return torch.where(x[:, 1] < -0.4, torch.nan, energy)

    def energy_and_force(self, x):
        return self.energy(x), TARGET.energy_and_force(x)[1]


def landed(model, *, power=1.0, thin=1, moves=None, surrogate=None, target=TARGET, **settings):
    defaults = {
        "n_levels": 20,
        "weighting": "score_kernel_ratio",
        "langevin": "score",
        "resample_at_end": False,
    }
    path = path_of(TARGET, gamma=BETA, **defaults | settings)
    annealed = run(model, path, n_particles=N)
    generator = torch.Generator().manual_seed(2)
    settings = LandingSettings(power=power, thin=thin, moves=moves, surrogate=surrogate)
    return land(annealed, target, path, beta=BETA, settings=settings, generator=generator, model=model)


def mass_error(x) -> float:
    return abs(left_mass(x, torch.zeros(len(x))) - MASS)


@pytest.mark.parametrize("ess_threshold", [0.0, 0.7])
def test_whole_path_weight_is_exact_for_a_wrong_score_at_few_levels(ess_threshold):
    wrong = ScaledScore(TARGET, 0.85)
    exact = landed(wrong, ess_threshold=ess_threshold)
    bound = 4 * MASS_SE / math.sqrt(exact.ess_fraction)
    assert mass_error(exact.x) < bound
    assert abs(exact.log_z - LOG_Z) < 4 / math.sqrt(N * exact.ess_fraction)
    without = landed(wrong, ess_threshold=ess_threshold, power=0.0)
    assert abs(without.log_z - LOG_Z) > 8 / math.sqrt(N * without.ess_fraction)


def test_landing_from_a_model_of_another_width_reaches_the_target():
    model = GaussianMixture(TARGET.means, 1.3 * TARGET.variances, torch.tensor([0.5, 0.5]).double())
    settings = {"weighting": "energy_kernel_ratio", "langevin": "energy"}
    assert mass_error(landed(model, **settings).x) < 4 * MASS_SE / math.sqrt(0.5)
    assert mass_error(landed(model, power=0.0, **settings).x) > 8 * MASS_SE
    half = landed(model, power=0.5, **settings)
    assert mass_error(half.x) > 4 * MASS_SE


def test_moves_leave_the_target_invariant_and_are_counted():
    target = CountedTarget(TARGET)
    moved = landed(TARGET, moves=MOVES, target=target)
    assert target.n_energy_evals == N * (1 + 5 * 5)
    assert 0.2 < moved.acceptance <= 1
    assert mass_error(moved.x) < 4 * MASS_SE / math.sqrt(moved.ess_fraction)
    assert torch.allclose(moved.energy, TARGET.energy(moved.x))


def test_moves_along_a_wrong_model_leave_the_target_invariant_at_one_evaluation_each():
    target, surrogate = CountedTarget(TARGET), SurrogateSettings(n_moves=8, n_leapfrog=5, step_size=0.1)
    energy_weighted = {"weighting": "energy_kernel_ratio", "langevin": "energy", "transport": "energy"}
    wrong = ScaledScore(TARGET.annealed(0.7), 1.0)
    width = (TRUTH.variances @ TRUTH.weights).item()
    still = landed(wrong, **energy_weighted)
    moved = landed(wrong, surrogate=surrogate, target=target, **energy_weighted)
    assert target.n_energy_evals == N * (1 + 8)
    assert 0.2 < moved.surrogate_acceptance < 0.95 and math.isnan(still.surrogate_acceptance)
    assert mass_error(moved.x) < 4 * MASS_SE / math.sqrt(moved.ess_fraction)
    assert moved.x[:, 1:].var().item() == pytest.approx(width, rel=0.1)
    assert len(moved.x.unique(dim=0)) > 1.2 * len(still.x.unique(dim=0))
    torch.testing.assert_close(moved.energy, TARGET.energy(moved.x))
    # Named wrong variant: the same moves with the model's own energy in the test.
    trusting = landed(wrong, power=0.0, surrogate=surrogate, target=TARGET.annealed(0.7), **energy_weighted)
    assert trusting.x[:, 1:].var().item() > 1.25 * width


@pytest.mark.parametrize("moves", [None, MOVES])
def test_landed_energy_and_force_are_those_of_the_landed_configurations(moves):
    result = landed(ScaledScore(TARGET, 0.85), moves=moves, thin=3)
    energy, force = TARGET.energy_and_force(result.x)
    torch.testing.assert_close(result.energy, energy)
    torch.testing.assert_close(result.force, force)


def test_thinned_landing_keeps_every_third_of_the_resampled_particles():
    wrong = ScaledScore(TARGET, 0.85)
    whole, thinned = landed(wrong), landed(wrong, thin=3)
    for name in ("x", "energy", "force"):
        assert torch.equal(getattr(thinned, name), getattr(whole, name)[::3])
    assert (thinned.ess_fraction, thinned.log_z) == (whole.ess_fraction, whole.log_z)
    assert thinned.n_unique_ancestors < whole.n_unique_ancestors


def test_thinned_landing_is_right_even_if_particles_are_sorted():
    path = path_of(TARGET, gamma=BETA, n_levels=20, resample_at_end=False)
    annealed = run(TARGET, path, n_particles=N)
    order = annealed.particles.x[:, 0].argsort()
    particles = Particles(*(values[order] for values in annealed.particles))
    annealed = annealed._replace(
        particles=particles, log_p=annealed.log_p[order], origins=annealed.origins[order]
    )

    def sorted_and_landed(thin):
        generator = torch.Generator().manual_seed(2)
        settings = LandingSettings(thin=thin)
        return land(annealed, TARGET, path, beta=BETA, settings=settings, generator=generator)

    thinned = sorted_and_landed(4)
    bound = 4 * MASS_SE / math.sqrt(thinned.ess_fraction)
    assert len(thinned.x) == N // 4 and mass_error(thinned.x) < bound
    # Named wrong variant: as many of the offspring, but the first ones.
    assert mass_error(sorted_and_landed(1).x[: N // 4]) > 4 * bound


def test_particles_of_nonfinite_energy_are_removed_and_counted():
    for power in (0.0, 1.0):
        result = landed(TARGET, power=power, target=Overlapping())
        assert 0 < result.n_nonfinite < N
        assert (result.x[:, 1].abs() < 0.4).all()
        assert result.energy.isfinite().all()


def test_landing_refuses_what_it_cannot_weigh():
    with pytest.raises(ValueError, match="power=0.5"):
        landed(TARGET, power=0.5, weighting="unweighted")
    with pytest.raises(ValueError, match="power"):
        LandingSettings(power=1.1)
    with pytest.raises(ValueError, match="thin must be at least 1, got 0"):
        LandingSettings(thin=0)
    with pytest.raises(ValueError, match="n_leapfrog must be positive, got 0"):
        SurrogateSettings(n_moves=1, n_leapfrog=0, step_size=0.1)
    with pytest.raises(ValueError, match="mean_free"):
        landed(TARGET, moves=HmcSettings(n_moves=1, n_burn_in=0))


def test_bridge_carries_a_wrong_model_to_the_target():
    model = GaussianMixture(TARGET.means, 4 * TARGET.variances, torch.tensor([0.5, 0.5]).double())
    path = path_of(model, gamma=BETA)
    annealed = run(model, path, n_particles=N)
    target = CountedTarget(TARGET)
    start = Interpolation(model=model, target=target, path=path, beta=BETA)
    crossed = cross(
        annealed,
        start,
        settings=BridgeSettings(moves=MOVES, ess_target=0.5),
        generator=torch.Generator().manual_seed(1),
    )
    assert mass_error(crossed.x) < 6 * MASS_SE
    assert abs(crossed.log_z - LOG_Z) < 0.15
    assert mass_error(annealed.particles.x) > 12 * MASS_SE
    assert crossed.ess_fraction >= 0.5 - 1e-6
    n_steps = target.n_energy_evals / N / (1 + 1 + 5 * 5)
    assert n_steps == int(n_steps) >= 2
    assert torch.allclose(crossed.energy, TARGET.energy(crossed.x))


def test_bridge_without_enough_steps_is_an_error():
    model = GaussianMixture(TARGET.means, 4 * TARGET.variances, torch.tensor([0.5, 0.5]).double())
    path = path_of(model, gamma=BETA, n_levels=10)
    start = Interpolation(model=model, target=TARGET, path=path, beta=BETA)
    settings = BridgeSettings(moves=MOVES, max_steps=1, ess_target=0.9)
    with pytest.raises(RuntimeError, match="max_steps=1"):
        cross(run(model, path, n_particles=50), start, settings=settings, generator=torch.Generator())


def test_largest_step_meets_the_wanted_ess_or_the_limit():
    gap = torch.randn(500, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    step = largest_step(torch.zeros(500), 30 * gap, limit=1.0, ess_target=0.5)
    assert effective_sample_size(30 * step * gap) == pytest.approx(250, rel=1e-6)
    assert largest_step(torch.zeros(500), 0.1 * gap, limit=0.4, ess_target=0.5) == 0.4


def test_bad_bridge_settings_are_refused_by_name():
    with pytest.raises(ValueError, match="ess_target"):
        BridgeSettings(moves=MOVES, ess_target=1.0)
    with pytest.raises(ValueError, match="max_steps"):
        BridgeSettings(moves=MOVES, max_steps=0)
