"""Proves that a temperature step in legs is exact for wrong models, and how many samples legs save."""

from dataclasses import replace

import pytest
import torch

import pita.descent
from pita.annealing import AnnealedPath
from pita.descent import DescentSettings, descend
from pita.evaluation import Tempered
from pita.landing import LandingSettings, SurrogateSettings
from pita.renoising import Beginning
from tests.annealing_cases import isotropic, path_of, two_modes
from tests.test_renoising import Biased

GAMMA, SIGMA, N = 1.6, 0.15, 3000
MIXTURE = two_modes(3)
MASS = MIXTURE.annealed(GAMMA).weights[1].item()
MANY = isotropic(0.06, n_atoms=15)  # 42 degrees of freedom


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def path(mixture, **settings):
    defaults = {"transport": "energy", "resample_at_end": False, "n_levels": 80}
    return path_of(mixture, gamma=GAMMA, **defaults | settings)


def stepped(model, mixture, along: AnnealedPath, *, n_legs, n_moves=6, progress=None, **changes):
    """A temperature step from exact samples of the mixture."""
    x = mixture.sample(N, generator=generator(5))
    surrogate = SurrogateSettings(n_moves=n_moves, n_leapfrog=4, step_size=0.12)
    landing = LandingSettings(thin=2, surrogate=surrogate)
    settings = DescentSettings(
        n_particles=N, annealing=along.settings, landing=landing, renoise=SIGMA, n_legs=n_legs
    )
    return descend(
        model,
        along,
        mixture,
        beta=GAMMA,
        settings=replace(settings, **changes),
        work=(generator(), progress),
        beginning=Beginning(x, mixture.energy(x)),
    )


@pytest.mark.parametrize("n_legs", [1, 2, 3])
def test_effective_samples_of_each_leg_are_those_of_reweighted_harmonic_energies(n_legs):
    # (mean w)^2 / mean w^2 of w = exp(-(g - 1) E) over samples at beta = 1, E of d quadratic terms
    g = GAMMA ** (1 / n_legs)
    fraction = ((2 * g - 1) ** 0.5 / g) ** MANY.n_dof
    along = path(MANY, ess_threshold=0.0, sigma_min=0.04)
    done = stepped(MANY, MANY, along, n_legs=n_legs, renoise=0.045)
    assert fraction == pytest.approx({1: 0.041, 2: 0.39, 3: 0.64}[n_legs], rel=0.05)
    assert done.landed.ess_fraction == pytest.approx(fraction, rel=0.4 if n_legs == 1 else 0.15)


@pytest.mark.parametrize("n_legs", [2, 3])
def test_legs_are_exact_for_a_wrong_model(n_legs):
    done = stepped(Biased(low=0.0, depth=2.0), MIXTURE, path(MIXTURE), n_legs=n_legs)
    x = done.landed.x
    assert (x[:, 0] > 0).double().mean().item() == pytest.approx(MASS, abs=0.035)
    assert x[:, 1:].var().item() == pytest.approx(((1 - MASS) * 0.06 + MASS * 0.09) / GAMMA, rel=0.1)
    assert done.landed.log_z == pytest.approx(MIXTURE.annealed_log_z(GAMMA), abs=0.06)


@pytest.mark.parametrize("factor", [1.0, 0.9])
def test_log_z_needs_the_temperature_that_each_leg_begins_at(monkeypatch, factor):
    def begin(x, reduced_energy):
        return Beginning(x, factor * reduced_energy)

    monkeypatch.setattr(pita.descent, "Beginning", begin)
    done = stepped(MANY, MANY, path(MANY, sigma_min=0.04), n_legs=2, renoise=0.045)
    error = abs(done.landed.log_z - MANY.annealed_log_z(GAMMA))
    assert error < 0.2 if factor == 1.0 else error > 0.6


def test_more_of_the_first_samples_have_offspring_where_there_are_legs():
    ancestors = {}
    for n_legs in (1, 2):
        done = stepped(MANY, MANY, path(MANY, sigma_min=0.04), n_legs=n_legs, renoise=0.045)
        ancestors[n_legs] = done.landed.n_unique_ancestors
    assert ancestors[2] > 1.5 * ancestors[1]


def test_a_step_counts_energies_levels_and_moves_of_all_legs():
    along, calls = path(MIXTURE), []
    done = stepped(MIXTURE, MIXTURE, along, n_legs=3, n_moves=5, progress=lambda *_: calls.append(1))
    n_levels = along.settings.n_levels - along.settings.first_below(SIGMA)
    assert done.n_energy_evals == 3 * (N + 5 * N // 2)
    assert len(calls) == 3 * (2 * n_levels + 5)
    assert len(done.annealed.trace.h) == 3 * n_levels
    assert len(done.landed.x) == N // 2
    settings = DescentSettings(
        n_particles=N,
        annealing=along.settings,
        landing=LandingSettings(surrogate=SurrogateSettings(n_moves=5, n_leapfrog=1, step_size=0.1)),
        renoise=SIGMA,
        n_legs=3,
    )
    assert settings.n_steps == len(calls)


def test_a_tempered_model_has_energies_and_scores_of_the_colder_density():
    x, h = MIXTURE.sample(7, generator=generator()), torch.tensor(0.01).double()
    tempered = Tempered(MIXTURE, 1.3)
    energy, score = tempered.energy_and_score(x, h)
    torch.testing.assert_close(energy, 1.3 * MIXTURE.energy(x, h))
    torch.testing.assert_close(energy, tempered.energy(x, h))
    torch.testing.assert_close(score, tempered.score(x, h))
    gradient = torch.func.grad(lambda y: tempered.energy(y, h).sum())(x)
    torch.testing.assert_close(score, -gradient)


def test_a_colder_path_has_the_variances_of_harmonic_data():
    along = replace(path(MIXTURE), variances=tuple([0.5] * 80))
    assert along.colder(2.0).variances == tuple([0.25] * 80)
    assert along.colder(2.0).data_variance == along.data_variance / 2
    assert replace(along, variances=None).colder(2.0).variances is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_legs": 0}, "n_legs must be at least 1, got 0"),
        ({"n_legs": 2, "renoise": None}, "n_legs=2 needs renoise and landing"),
        ({"n_legs": 2, "landing": None}, "n_legs=2 needs renoise and landing"),
    ],
)
def test_legs_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        stepped(MIXTURE, MIXTURE, path(MIXTURE), **{"n_legs": 2} | changes)
