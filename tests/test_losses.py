"""Proves that each loss is least at the truth, exact for Gaussian data, and flows only where it should."""

import pytest
import torch

from pita import losses
from pita.geometry import mean_free_noise

N_ATOMS, N_DOF = 4, 9
BETA = 0.8


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
