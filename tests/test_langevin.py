"""Proves that BAOAB samples exp(-beta E): exactly for oscillators, for other wells when its step is short."""

import math

import pytest
import torch

from pita.langevin import LangevinSettings, run_langevin
from pita.targets.counted import CountedTarget

VARIANCES = torch.tensor([1.0, 0.25, 4.0], dtype=torch.float64)
BETA = 2.0


class Oscillators:
    """E = sum_k x_k^2 / (2 v_k) in R^3: the variance of x_k is v_k / beta."""

    n_atoms, n_dof = 1, 3

    def energy_and_force(self, x):
        return (x.square() / (2 * VARIANCES)).sum(-1), -x / VARIANCES


class Quartic:
    """E = x^4 / 4 in R, whose mean square is 2 sqrt(1 / beta) Gamma(3/4) / Gamma(1/4)."""

    n_atoms, n_dof = 1, 1
    mean_square = 2 * math.gamma(0.75) / math.gamma(0.25)

    def energy_and_force(self, x):
        return x.pow(4).sum(-1) / 4, -x.pow(3)


class Trap:
    """E = |x|^2 / 2 over (N, 4, 3): without the mean, 9 modes of unit variance."""

    n_atoms, n_dof = 4, 9

    def energy_and_force(self, x):
        return 0.5 * x.square().sum((1, 2)), -x


def frames(target, start, *, beta, seed=1, **settings):
    """All frames after burn-in, chains pooled."""
    run = run_langevin(
        target,
        start,
        beta=beta,
        settings=LangevinSettings(**{"mean_free": False, "n_burn_in": 100, "thin": 10} | settings),
        generator=torch.Generator().manual_seed(seed),
    )
    return run.x.flatten(0, 1)


def variance_error(beta, **settings):
    """Largest relative error of the oscillators' variances; statistical error about 0.01."""
    start = torch.zeros(2000, 3, dtype=torch.float64)
    x = frames(Oscillators(), start, beta=beta, n_steps=300, friction=1.0, **settings)
    return float((x.var(dim=0) / (VARIANCES / BETA) - 1).abs().max())


@pytest.mark.parametrize("step_size", [0.2, 0.8])
def test_oscillators_have_their_exact_variance_at_every_stable_step(step_size):
    # the fastest oscillator has frequency 2: dt = 0.8 is close to the limit of stability, dt = 1
    bound = 0.05
    assert variance_error(BETA, step_size=step_size) < bound
    assert variance_error(1.2 * BETA, step_size=step_size) > bound


def test_step_beyond_the_limit_of_stability_is_seen():
    assert variance_error(BETA, step_size=1.02) > 10


def test_anharmonic_well_is_right_for_a_short_step_and_wrong_for_a_long_one():
    def mean_square(step_size):
        start = torch.zeros(4000, 1, dtype=torch.float64)
        return float(
            frames(Quartic(), start, beta=1.0, n_steps=400, friction=2.0, step_size=step_size).square().mean()
        )

    bound = 0.02
    assert mean_square(0.2) == pytest.approx(Quartic.mean_square, rel=bound)
    assert mean_square(0.9) != pytest.approx(Quartic.mean_square, rel=bound)


def test_velocities_forget_at_the_rate_of_the_friction():
    free = Oscillators()
    free.energy_and_force = lambda x: (x.sum(-1) * 0, x * 0)
    g = torch.Generator().manual_seed(3)
    settings = LangevinSettings(n_steps=50, step_size=0.02, friction=1.5, mean_free=False)
    run = run_langevin(
        free, torch.zeros(20_000, 3, dtype=torch.float64), beta=BETA, settings=settings, generator=g
    )
    # <x^2> = 2 / (beta g^2) (g t - 1 + exp(-g t)), Ornstein and Uhlenbeck 1930
    spread = 2 / (BETA * 1.5**2) * (1.5 - 1 + math.exp(-1.5))
    assert float(run.x[-1].var()) == pytest.approx(spread, rel=0.03)
    assert float(run.state.velocity.var()) == pytest.approx(1 / BETA, rel=0.03)


def test_mean_free_chains_keep_their_centre_and_fill_the_subspace():
    start = torch.zeros(1000, 4, 3)
    x = frames(Trap(), start, beta=1.0, n_steps=300, friction=1.0, step_size=0.5, mean_free=True)
    assert x.mean(1).abs().max() < 1e-5
    assert float(x.square().sum((1, 2)).mean()) == pytest.approx(9.0, rel=0.03)


def test_a_step_costs_one_evaluation_and_frames_are_as_asked():
    counted, g = CountedTarget(Trap()), torch.Generator().manual_seed(1)
    settings = LangevinSettings(n_steps=25, n_burn_in=5, thin=6, step_size=0.1, friction=1.0)
    run = run_langevin(counted, torch.zeros(7, 4, 3), beta=1.0, settings=settings, generator=g)
    assert counted.n_energy_evals == 7 * (1 + 25)
    assert run.x.shape == (3, 7, 4, 3)
    torch.testing.assert_close(run.energy, Trap().energy_and_force(run.x.flatten(0, 1))[0].view(3, 7))


def test_same_seed_repeats_and_another_differs():
    runs = [
        frames(Trap(), torch.zeros(5, 4, 3), beta=1.0, seed=s, n_steps=120, friction=1.0, step_size=0.1)
        for s in (1, 1, 2)
    ]
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


@pytest.mark.parametrize(
    ("key", "value"), [("n_steps", 0), ("thin", 0), ("step_size", 0.0), ("friction", -1.0), ("n_burn_in", 9)]
)
def test_bad_settings_are_refused(key, value):
    with pytest.raises(ValueError, match=key):
        LangevinSettings(**{"n_steps": 5, "step_size": 0.1, "friction": 1.0, key: value})
