"""Proves that HMC and MALA leave exp(-beta E) invariant, chain by chain, and refuse what they must refuse."""

import math

import pytest
import torch

from pita.mcmc import (
    ChainState,
    HmcSettings,
    adapt_step_size,
    hmc_move,
    hmc_trajectory,
    init_state,
    mala_move,
    run_hmc,
)
from pita.targets.counted import CountedTarget


class AnisotropicGaussian:
    """E = sum_k x_k^2 / (2 v_k) in R^d: variance v_k / beta."""

    def __init__(self, variances: torch.Tensor) -> None:
        self.variances = variances
        self.n_atoms, self.n_dof = 1, len(variances)

    def energy(self, x):
        return (x * x / (2 * self.variances)).sum(-1)

    def energy_and_force(self, x):
        return self.energy(x), -x / self.variances


class HarmonicTrap:
    """E = |x|^2 / 2 over (N, n_atoms, 3): with the mean removed, 3 (n_atoms - 1) unit-variance modes."""

    n_atoms, n_dof = 4, 9

    def energy_and_force(self, x):
        return 0.5 * x.square().sum((1, 2)), -x


class HardWall(AnisotropicGaussian):
    """A Gaussian cut at |x| < 1: outside, the energy is infinite."""

    def energy(self, x):
        return torch.where((x.abs() < 1).all(-1), super().energy(x), math.inf)


VARIANCES = torch.tensor([1.0, 0.25, 4.0], dtype=torch.float64)
GAUSSIAN = AnisotropicGaussian(VARIANCES)
N = 3000


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def chains_at(x):
    return init_state(GAUSSIAN, x)


def relative_variance_error(x, variances):
    """Largest deviation of the variances from the truth, in standard errors of independent draws."""
    ratio = x.var(dim=0) / variances
    return float((ratio - 1).abs().max()) * math.sqrt(len(x) / 2)


def many_moves(move, n_moves=60):
    """From exact draws, so that only a wrong move can change the distribution."""
    g = generator()
    state = chains_at(torch.randn(N, 3, generator=g, dtype=torch.float64) * VARIANCES.sqrt())
    for _ in range(n_moves):
        state = move(state, g)
    return state.x


def unadjusted_move(state, dt, n_leapfrog, g):
    """Negative control: the same leapfrog without the Metropolis test."""
    x, _, force = state
    p = torch.randn(x.shape, generator=g, dtype=x.dtype)
    for _ in range(n_leapfrog):
        p = p + 0.5 * dt * force
        x = x + dt * p
        energy, force = GAUSSIAN.energy_and_force(x)
        p = p + 0.5 * dt * force
    return ChainState(x, energy, force)


def test_hmc_keeps_the_gaussian_and_the_unadjusted_leapfrog_does_not():
    def right(state, g):
        return hmc_move(GAUSSIAN, state, beta=1.0, step_size=0.6, n_leapfrog=3, generator=g, mean_free=False)[
            0
        ]

    assert relative_variance_error(many_moves(right), VARIANCES) < 4
    assert (
        relative_variance_error(many_moves(lambda state, g: unadjusted_move(state, 0.6, 3, g)), VARIANCES) > 4
    )


def test_every_recycled_state_is_a_draw_and_the_trajectory_untested_is_none():
    g, n = generator(), 20 * N
    state = chains_at(torch.randn(n, 3, generator=g, dtype=torch.float64) * VARIANCES.sqrt())
    move = {"beta": 1.0, "step_size": 0.7, "n_leapfrog": 6, "mean_free": False}
    states, _ = hmc_trajectory(GAUSSIAN, state, n_recycled=3, generator=g, **move)
    assert [relative_variance_error(kept.x, VARIANCES) < 4 for kept in states] == [True] * 3
    untested = [unadjusted_move(state, 0.7, n_leapfrog, g) for n_leapfrog in (2, 4, 6)]
    assert max(relative_variance_error(reached.x, VARIANCES) for reached in untested) > 10


def test_a_run_keeps_recycled_states_for_the_same_evaluations():
    counted = CountedTarget(GAUSSIAN)
    settings = HmcSettings(n_moves=20, n_burn_in=8, thin=3, n_leapfrog=4, n_recycled=2, mean_free=False)
    start = torch.ones(10, 3, dtype=torch.float64)
    run = run_hmc(counted, start, beta=1.0, settings=settings, generator=generator())
    assert counted.n_energy_evals == 10 * (1 + 20 * 4)
    assert run.x.shape == (8, 10, 3)
    assert torch.equal(run.energy, GAUSSIAN.energy(run.x)) and torch.equal(run.x[-1], run.state.x)


def test_mala_keeps_the_gaussian_and_unadjusted_langevin_does_not():
    def right(state, g):
        return mala_move(GAUSSIAN, state, beta=1.0, step_size=0.6, generator=g, mean_free=False)[0]

    assert relative_variance_error(many_moves(right), VARIANCES) < 4
    assert (
        relative_variance_error(many_moves(lambda state, g: unadjusted_move(state, 0.6, 1, g)), VARIANCES) > 4
    )


def test_a_move_of_whatever_length_keeps_half_of_the_potential_energy_and_four_short_ones_a_sixteenth():
    """Of a spectrum of modes, phases spread: corr(V, V') is the mean of cos^2 of the phase (pita.descent)."""
    target, g = AnisotropicGaussian(torch.linspace(1, 5, 60, dtype=torch.float64) ** -2), generator()
    x = target.variances.sqrt() * torch.randn(5_000, 60, generator=g, dtype=torch.float64)

    settings = {"beta": 1.0, "step_size": 0.07, "generator": g, "mean_free": False}

    def correlation(n_moves, n_leapfrog):
        state = init_state(target, x)
        start = state.energy
        for _ in range(n_moves):
            state, _ = hmc_move(target, state, n_leapfrog=n_leapfrog, **settings)
        return torch.corrcoef(torch.stack((start, state.energy)))[0, 1].item()

    assert correlation(1, 60) == pytest.approx(0.5, abs=0.06)
    assert correlation(1, 240) == pytest.approx(0.5, abs=0.06)
    assert correlation(4, 60) == pytest.approx(1 / 16, abs=0.06)


def test_every_chain_has_its_own_temperature():
    beta = torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64).repeat_interleave(N // 2)
    state, g = chains_at(torch.zeros(len(beta), 3, dtype=torch.float64)), generator()
    for _ in range(150):
        state, _ = hmc_move(
            GAUSSIAN,
            state,
            beta=beta,
            step_size=0.5 / beta.sqrt(),
            n_leapfrog=5,
            generator=g,
            mean_free=False,
        )
    by_beta = state.x.view(3, N // 2, 3)
    for x, b in zip(by_beta, (0.5, 1.0, 3.0), strict=True):
        assert relative_variance_error(x, VARIANCES / b) < 4
        assert (
            relative_variance_error(x, VARIANCES / (1.5 * b)) > 4
        )  # a temperature 1.5 times off would be seen


def test_energy_error_is_second_order_in_the_step():
    """At fixed trajectory length, dH = O(dt^2), so half the step leaves a quarter of the refusals."""
    refused = []
    for n_leapfrog in (4, 8):
        g = generator()
        state = chains_at(torch.randn(40_000, 3, generator=g, dtype=torch.float64) * VARIANCES.sqrt())
        _, info = hmc_move(
            GAUSSIAN,
            state,
            beta=1.0,
            step_size=1.6 / n_leapfrog,
            n_leapfrog=n_leapfrog,
            generator=g,
            mean_free=False,
        )
        refused.append(1 - float(info.accepted.double().mean()))
    assert refused[0] / refused[1] == pytest.approx(4, rel=0.25)


def test_detailed_balance_between_two_halves_of_space():
    """Started from exact draws, as many chains cross x_0 < 0.5 upwards as downwards."""
    g = generator()
    x = torch.randn(40_000, 3, generator=g, dtype=torch.float64) * VARIANCES.sqrt()
    state, _ = hmc_move(
        GAUSSIAN, chains_at(x), beta=1.0, step_size=0.8, n_leapfrog=2, generator=g, mean_free=False
    )
    wrong = unadjusted_move(chains_at(x), 0.95, 2, g)

    def imbalance(end):
        up = ((x[:, 1] < 0.8) & (end[:, 1] >= 0.8)).sum()
        down = ((x[:, 1] >= 0.8) & (end[:, 1] < 0.8)).sum()
        return float((up - down).abs() / (up + down).double().sqrt())

    assert imbalance(state.x) < 4
    assert imbalance(wrong.x) > 4


def test_momenta_are_mean_free_and_the_centre_of_mass_rests():
    g = generator()
    x = torch.randn(N, 4, 3, generator=g, dtype=torch.float64)
    x = x - x.mean(1, keepdim=True)
    state = init_state(HarmonicTrap(), x)
    for _ in range(30):
        state, _ = hmc_move(HarmonicTrap(), state, beta=2.0, step_size=0.5, n_leapfrog=3, generator=g)
    assert float(state.x.mean(1).abs().max()) < 1e-12
    mean, error = float(state.energy.mean()), math.sqrt(9 / 2) / 2 / math.sqrt(N)
    assert mean == pytest.approx(9 / 2 / 2, abs=4 * error)  # equipartition over 9, not 12, modes
    assert abs(mean - 12 / 2 / 2) > 4 * error


def test_nonfinite_proposals_are_refused_and_counted():
    wall = HardWall(VARIANCES)
    state = init_state(wall, torch.zeros(500, 3, dtype=torch.float64))
    new, info = hmc_move(
        wall, state, beta=1.0, step_size=1.0, n_leapfrog=1, generator=generator(), mean_free=False
    )
    assert 0 < info.n_nonfinite < 500
    assert int(info.accepted.sum()) <= 500 - info.n_nonfinite
    assert torch.isfinite(new.energy).all()
    assert bool((new.x[~info.accepted] == 0).all())


def test_a_start_of_infinite_energy_is_an_error():
    with pytest.raises(ValueError, match="1 of 2 chains"):
        init_state(HardWall(VARIANCES), torch.tensor([[0.0, 0, 0], [2, 0, 0]], dtype=torch.float64))


def test_step_size_adapts_in_burn_in_and_is_frozen_afterwards():
    assert (
        adapt_step_size(0.1, 0.9, target_acceptance=0.7)
        > 0.1
        > adapt_step_size(0.1, 0.5, target_acceptance=0.7)
    )
    x = torch.zeros(200, 3, dtype=torch.float64)
    common = {"n_leapfrog": 5, "step_size": 0.05, "mean_free": False}
    burnt = run_hmc(
        GAUSSIAN,
        x,
        beta=1.0,
        settings=HmcSettings(n_moves=150, n_burn_in=150, **common),
        generator=generator(),
    )
    run = run_hmc(
        GAUSSIAN,
        x,
        beta=1.0,
        settings=HmcSettings(n_moves=250, n_burn_in=150, **common),
        generator=generator(),
    )
    assert run.step_size == burnt.step_size > 0.05
    assert run.acceptance == pytest.approx(0.7, abs=0.08)


def test_run_counts_keeps_and_reports():
    counted, seen = CountedTarget(GAUSSIAN), []
    settings = HmcSettings(n_moves=20, n_burn_in=8, thin=3, n_leapfrog=4, mean_free=False)
    run = run_hmc(
        counted,
        torch.ones(10, 3, dtype=torch.float64),
        beta=1.0,
        settings=settings,
        generator=generator(),
        progress=lambda done, of: seen.append((done, of)),
    )
    assert counted.n_energy_evals == 10 * (1 + 20 * 4)
    assert run.x.shape == (4, 10, 3)
    assert torch.equal(run.x[-1], run.state.x)
    assert seen[-1] == (20, 20)


@pytest.mark.parametrize(
    "bad",
    [
        {"n_moves": 0},
        {"n_burn_in": 11},
        {"step_size": 0.0},
        {"target_acceptance": 1.0},
        {"n_recycled": 0},
        {"n_recycled": 3, "n_leapfrog": 10},
    ],
)
def test_settings_refuse_nonsense(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        HmcSettings(**{"n_moves": 10, "n_burn_in": 5, **bad})
