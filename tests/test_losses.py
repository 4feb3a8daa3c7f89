"""Proves that each loss is least at the truth, exact for Gaussian data, and flows only where it should."""

import math

import pytest
import torch

from pita import losses
from pita.geometry import mean_free_noise
from pita.targets.gaussian import GaussianMixture

N_ATOMS, N_DOF = 4, 9
BETA = 0.8
WELL_H = 0.2  # noise variance at which the wells are learned


@pytest.fixture(scope="module")
def gaussian():
    """Clean and noisy configurations of E = |x|^2 / 2 at BETA: variance 1 / BETA, denoiser c / (c + h) x."""
    generator = torch.Generator().manual_seed(11)
    shape = (40_000, N_ATOMS, 3)
    x0 = mean_free_noise(shape, generator=generator, dtype=torch.float64) / BETA**0.5
    h = torch.exp(torch.empty(len(x0), dtype=torch.float64).uniform_(-4, 3, generator=generator))
    x = x0 + h.sqrt()[:, None, None] * mean_free_noise(shape, generator=generator, dtype=torch.float64)
    best = x / (1 + BETA * h)[:, None, None]
    return x0, x, h, best


def test_the_exact_denoiser_minimises_denoising_score_matching(gaussian):
    x0, _, h, best = gaussian
    least = losses.denoising_score_matching(best, x0, h)
    for wrong in (0.9, 1.1):
        assert losses.denoising_score_matching(wrong * best, x0, h) > least * 1.005
    # Per degree of freedom the exact posterior variance is h / (1 + BETA h).
    expected = ((h + 1) / (1 + BETA * h)).mean()
    assert least.item() == pytest.approx(expected.item(), rel=0.01)
    assert (least * N_DOF / (3 * N_ATOMS)).item() != pytest.approx(expected.item(), rel=0.01)


def test_cross_entropy_of_hands_is_least_at_the_log_odds_of_two_gaussians():
    """Data are +1 with noise; -1 is its mirror image, and 2 x / h the log-odds of one against the other."""
    h = 0.7
    noise = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    exact = 2 * (1 + h**0.5 * noise) / h
    least = losses.hand_cross_entropy(exact)
    for wrong in (0.8, 1.25):
        assert losses.hand_cross_entropy(wrong * exact) > least + 0.001
    assert losses.hand_cross_entropy(0 * exact).item() == pytest.approx(2 * math.log(2))  # two hands, no idea


def test_target_score_matching_has_the_same_minimum_and_less_noise_at_small_h(gaussian):
    x0, x, h, best = gaussian
    force = -BETA * x0

    def loss(denoised, reduced_force=force):
        return losses.target_score_matching(denoised, x, reduced_force, h, h_max=0.1)

    for wrong in (0.9, 1.1):
        assert loss(wrong * best) > loss(best)
    # The same forces without beta ask for another score; the exact denoiser is then no longer the minimum.
    assert loss(x - h[:, None, None] * x / (1 / BETA + h)[:, None, None], -x0) > loss(best)
    small = h < 0.1
    assert (
        loss(best)
        < 0.1 * losses.denoising_score_matching(best[small], x0[small], h[small]) * small.double().mean()
    )


def test_target_score_matching_counts_small_noise_only_over_the_whole_batch(gaussian):
    x0, x, h, best = gaussian
    spoilt = torch.where((h < 0.1)[:, None, None], best, 100.0)
    expected = losses.target_score_matching(best, x, -BETA * x0, h, h_max=0.1)
    assert torch.equal(losses.target_score_matching(spoilt, x, -BETA * x0, h, h_max=0.1), expected)
    doubled = (torch.cat([value, value[h >= 0.1]]) for value in (best, x, -BETA * x0, h))
    assert losses.target_score_matching(*doubled, h_max=0.1) < expected


@pytest.fixture(scope="module")
def two_wells():
    """x0, x and the reduced force of two separated wells at one noise level, where neither alone is best."""
    generator = torch.Generator().manual_seed(12)
    means = mean_free_noise((2, N_ATOMS, 3), generator=generator, dtype=torch.float64)
    variances, weights = torch.tensor([[0.1, 0.3], [0.6, 0.4]], dtype=torch.float64)
    wells = GaussianMixture(means, variances, weights, mean_free=True)
    x0 = wells.sample(40_000, generator=generator)
    x = x0 + WELL_H**0.5 * mean_free_noise(tuple(x0.shape), generator=generator, dtype=torch.float64)
    return wells, x0, x, wells.score(x0)


def blended(denoised, x0, x, force, *, share_factor=1.0, h=WELL_H):
    """The loss at one noise level, with a multiple of the best share of the force; 0 is denoising alone."""
    variance = force.square().sum((1, 2)).mean() / N_DOF
    share = share_factor / (1 + h * variance)
    every = torch.full((len(x),), h, dtype=x.dtype)
    of_share = ((1 / share - 1) / h).expand(len(x))
    return losses.blended_score_matching(denoised, x0, x, force, every, force_variance=of_share)


@pytest.mark.parametrize("share_factor", [0.0, 0.5, 1.0])
def test_blended_target_has_the_posterior_mean_whatever_the_share(two_wells, share_factor):
    wells, x0, x, force = two_wells
    posterior_mean = (x + WELL_H * wells.score(x, WELL_H)).requires_grad_()
    blended(posterior_mean, x0, x, force, share_factor=share_factor).backward()
    residual = posterior_mean.grad * len(x)  # of each configuration, up to a factor
    spoilt = residual + 0.1 * (posterior_mean - x).detach() * 2 * (WELL_H + 1) / WELL_H / N_DOF
    # The residual of a conditional mean correlates with no function of x.
    for function in (x, wells.score(x, WELL_H), wells.score(x, 4 * WELL_H)):
        products, wrong = ((r * function).sum((1, 2)) for r in (residual, spoilt))
        assert products.mean().abs() < 4 * products.std() / len(x) ** 0.5
        assert wrong.mean().abs() > 8 * wrong.std() / len(x) ** 0.5


def test_share_of_the_force_leaves_the_least_variance(two_wells):
    wells, x0, x, force = two_wells
    variance = force.square().sum((1, 2)).mean() / N_DOF
    # Against x itself the loss is the mean square deviation of the regression target from x.
    spread = blended(x, x0, x, force) * WELL_H / (WELL_H + 1)
    assert spread.item() == pytest.approx((WELL_H**2 * variance / (1 + WELL_H * variance)).item(), rel=0.01)
    assert spread.item() != pytest.approx((WELL_H / (1 + WELL_H * variance)).item(), rel=0.1)
    best = x + WELL_H * wells.score(x, WELL_H)
    least = blended(best, x0, x, force)
    for factor in (0.8, 1.2):
        assert blended(best, x0, x, force, share_factor=factor) > 1.02 * least
    assert blended(best, x0, x, force, share_factor=0.0) > 1.2 * least


def test_blending_ends_at_denoising_and_at_target_score_matching(two_wells):
    _, x0, x, force = two_wells
    h = torch.full((len(x),), WELL_H, dtype=x.dtype)
    by_noise, by_force = (
        losses.blended_score_matching(0.5 * x, x0, x, force, h, force_variance=torch.full_like(h, variance))
        for variance in (torch.inf, 0.0)
    )
    torch.testing.assert_close(by_noise, losses.denoising_score_matching(0.5 * x, x0, h))
    torch.testing.assert_close(by_force, losses.target_score_matching(0.5 * x, x, force, h, h_max=torch.inf))


def test_harmonic_target_leaves_no_noise_in_the_blended_target(gaussian):
    x0, x, h, best = gaussian
    v = torch.full_like(h, BETA)  # mean square of -BETA x0, whose variance is 1 / BETA
    assert losses.blended_score_matching(best, x0, x, -BETA * x0, h, force_variance=v) < 1e-20
    assert losses.blended_score_matching(best, x0, x, -BETA * x0, h, force_variance=2 * v) > 1e-3


def test_distillation_pulls_the_energy_to_the_score_and_never_back():
    generator = torch.Generator().manual_seed(1)
    energy_side, score_side = (
        torch.randn(5, N_ATOMS, 3, generator=generator).requires_grad_() for _ in range(2)
    )
    h = torch.rand(5, generator=generator)
    losses.distillation(energy_side, score_side, h).backward()
    assert score_side.grad is None
    expected = 2 * (h + 1) / h / N_DOF / 5
    torch.testing.assert_close(
        energy_side.grad, expected[:, None, None] * (energy_side - score_side).detach()
    )
    assert losses.distillation(score_side, score_side, h) == 0


def pinning(energy, reduced, rung=None, *, n_rungs=2):
    rung = torch.tensor([0, 0, 0, 1, 1, 1]) if rung is None else rung
    return losses.energy_pinning(
        energy, reduced, rung, n_rungs=n_rungs, n_dof=N_DOF, reduced_energy_max=100.0
    )


def test_pinning_is_blind_to_one_constant_per_temperature_and_to_nothing_else():
    reduced = torch.tensor([1.0, -2.0, 5.0, 0.5, 3.0, -7.0])
    shifted = reduced + torch.tensor([4.0] * 3 + [-9.0] * 3)
    assert pinning(shifted, reduced) < 1e-12
    assert pinning(shifted, reduced, n_rungs=1, rung=torch.zeros(6, dtype=torch.long)) > 1
    # Residuals (1, -1, 0) about their mean, six rows.
    error = reduced + torch.tensor([1.0, -1.0, 0.0, 0.0, 0.0, 0.0])
    assert pinning(error, reduced).item() == pytest.approx(2 / 6 / N_DOF)


def test_pinning_leaves_out_energies_above_the_limit_value_and_gradient():
    reduced = torch.tensor([1.0, -2.0, 1e12, 0.5, 3.0, -7.0])
    energy = (reduced.clamp(max=50) + 1).requires_grad_()
    loss = pinning(energy, reduced)
    loss.backward()
    assert loss < 1e-12 and energy.grad[2] == 0
    assert pinning(energy.detach(), reduced.clamp(max=99)) > 1
