"""Proves that the target of least variance has the right mean given x, and little variance."""

from dataclasses import replace

import pytest
import torch

from pita.data import N_LEVELS, NoiseSettings, NoisyBatches, rows_of_rank
from pita.geometry import mean_free_noise, remove_mean
from pita.stiff_target import StiffTarget
from pita.training_set import TrainingSet

STIFF, SOFT = 4e6, 1e4  # stiffness of the bond, and of the springs to the sites
SITES = torch.tensor([[0.0, 0, 0], [1.0, 0, 0], [0.5, 1.0, 0]])
PAIRS = torch.tensor([[0, 1]])
STIFF_NOISE = NoiseSettings(64, 0.001, 1.0, rotate=False, stiff=True)


def draw(n, seed=1):
    """Three atoms near their sites, the first two bound along x: exactly Gaussian, and the forces."""
    noise = mean_free_noise((n, 3, 3), generator=torch.Generator().manual_seed(seed))
    along = (noise[:, 0, 0] - noise[:, 1, 0]) / 2**0.5
    narrow = (SOFT / (SOFT + 2 * STIFF)) ** 0.5
    shift = (narrow - 1) * along / 2**0.5
    noise[:, 0, 0] += shift
    noise[:, 1, 0] -= shift
    displacement = noise / SOFT**0.5
    force = -SOFT * displacement
    stretch = STIFF * (displacement[:, 0, 0] - displacement[:, 1, 0])
    force[:, 0, 0] -= stretch
    force[:, 1, 0] += stretch
    return remove_mean(SITES) + displacement, force


def exact_mean(x, h):
    """Denoised configuration of the Gaussian, given x."""
    displacement = x - remove_mean(SITES)
    mean = displacement / (1 + h * SOFT)
    along = (displacement[:, 0, 0] - displacement[:, 1, 0]) / 2
    change = along / (1 + h * (SOFT + 2 * STIFF)) - along / (1 + h * SOFT)
    mean[:, 0, 0] += change
    mean[:, 1, 0] -= change
    return remove_mean(SITES) + mean


def noisy(n, sigma, seed=2):
    x0, force = draw(n)
    x = x0 + sigma * mean_free_noise((n, 3, 3), generator=torch.Generator().manual_seed(seed))
    return x0, x, torch.full((n,), sigma**2), force


def target(x, bounds=(0.001, 1.0)):
    return StiffTarget(PAIRS, x, bounds=bounds)


def mean_square(values):
    return values.square().sum((1, 2)).mean().item()


@pytest.mark.parametrize("sigma", [0.001, 0.003])
def test_variance_is_far_below_that_of_either_part_and_of_their_scalar_mixture(sigma):
    x0, x, h, force = noisy(4000, sigma)
    exact = exact_mean(x, h[0])
    mixed = mean_square(target(x0)(x0, x, h, force) - exact)
    force_variance = force.square().sum((1, 2)).mean() / 6
    scalar = 1 / (1 + h[:, None, None] * force_variance)
    forced = x + h[:, None, None] * force
    others = [mean_square(each - exact) for each in (x0, forced, x0 + scalar * (forced - x0))]
    assert mixed < 0.1 * min(others)


@pytest.mark.parametrize("sigma", [0.003, 0.03])
def test_mean_given_x_is_the_denoised_configuration(sigma):
    x0, x, h, force = noisy(200_000, sigma)
    mixture, deviation = target(x0), x - remove_mean(SITES)
    error = mixture(x0, x, h, force) - exact_mean(x, h[0])
    # Uncorrelated with any function of x; each product's mean is within five standard errors of zero.
    product = (error * deviation).sum((1, 2))
    assert abs(product.mean()) < 5 * product.std() / len(product) ** 0.5
    # A matrix that looks at the clean configuration instead is biased.
    looks = ((x0 - x) * deviation > 0).float()
    wrong = x0 + 2 * looks * mixture._damped(x0, x, h, force) - exact_mean(x, h[0])
    biased = (wrong * deviation).sum((1, 2))
    assert abs(biased.mean()) > 20 * biased.std() / len(biased) ** 0.5


def test_fitted_shares_leave_less_variance_where_directions_blur():
    x0, x, h, force = noisy(20_000, 0.1)
    mixture = target(x0)
    before = mean_square(mixture(x0, x, h, force) - exact_mean(x, h[0]))
    mixture.fit([(x0, x, h, force)])
    after = mean_square(mixture(x0, x, h, force) - exact_mean(x, h[0]))
    assert after < 0.7 * before
    assert after <= mean_square(x0 - exact_mean(x, h[0]))


def reduced_energy(x):
    displacement = x - remove_mean(SITES)
    stretch = displacement[:, 0, 0] - displacement[:, 1, 0]
    return SOFT * displacement.square().sum((1, 2)) / 2 + STIFF * stretch.square() / 2


def exact_noisy_energy(x, h):
    """-log p_h(x) of the Gaussian, up to a constant of h: five soft directions and the stretch."""
    displacement = x - remove_mean(SITES)
    stretch = (displacement[:, 0, 0] - displacement[:, 1, 0]) / 2**0.5
    soft = displacement.square().sum((1, 2)) - stretch.square()
    narrow = 1 / (SOFT + 2 * STIFF)
    return soft / (1 / SOFT + h) / 2 + stretch.square() / (narrow + h) / 2


@pytest.mark.parametrize(("sigma", "bound"), [(0.0002, 0.05), (0.001, 0.2)])
def test_energy_under_noise_is_known_whatever_the_clean_configuration(sigma, bound):
    """Noise times the softer springs, which are left out, is at most 0.01; times the bond 8.

    Pairs turn with the molecule and the bond of this Gaussian does not: most of the error.
    """
    x0, x, h, force = noisy(4000, sigma)
    found = target(x0).noisy_energy(x0, x, h, reduced_energy(x0), force)
    exact = exact_noisy_energy(x, h[0])
    assert (found - exact).std() < bound
    # Of the bond, whose curvature the pairs know; no part of the formula is idle.
    assert (reduced_energy(x0) - exact).std() > 5 * (found - exact).std()
    still = target(x0).noisy_energy(x0, x0, h, reduced_energy(x0), force)
    assert (still - exact).std() > 5 * (found - exact).std()


def test_energies_under_noise_differ_by_their_determinants():
    """Between noise levels: -log of the ratio of the two norms of the Gaussian."""
    x0, _, h, force = noisy(10, 0.001)
    energies = [target(x0).noisy_energy(x0, x0, each * h, 0 * h, 0 * force) for each in (1e-3, 1.0)]
    stiffness = 1 / (x0[:, 0] - x0[:, 1]).norm(dim=-1).var()
    expected = 0.5 * torch.log((1 + 2 * stiffness * h) / (1 + 2e-3 * stiffness * h))
    torch.testing.assert_close(energies[1] - energies[0], expected, rtol=1e-3, atol=1e-4)


def test_batches_carry_pinned_energies():
    x, force = draw(500)
    sets = [TrainingSet(x, 1.0, reduced_energy(x), force)]
    settings = replace(STIFF_NOISE, pin=(0.0002, 0.001))
    batch = NoisyBatches(sets, settings, seed=3, stiff_pairs=PAIRS).batch(0)
    pinned = batch.pinned
    assert pinned.h.min().sqrt().item() == pytest.approx(0.0002)
    assert pinned.h.max().sqrt().item() == pytest.approx(0.001)
    assert len(pinned.h.unique()) == len(pinned.level.unique()) == N_LEVELS
    error = exact_noisy_energy(pinned.x, pinned.h) - pinned.energy
    for level in range(N_LEVELS):
        assert error[pinned.level == level].std() < 0.3
    parts = [rows_of_rank(batch, rank=rank, n_ranks=2).pinned for rank in range(2)]
    assert torch.equal(torch.stack([part.energy for part in parts], dim=1).flatten(), pinned.energy)
    bare = NoisyBatches(sets, STIFF_NOISE, seed=3, stiff_pairs=PAIRS).batch(0)
    assert bare.pinned is None
    assert torch.equal(bare.target, batch.target)


def test_pinned_energies_need_stiff_pairs_and_energies():
    with pytest.raises(ValueError, match="pin needs stiff"):
        replace(STIFF_NOISE, stiff=False, pin=(0.1, 0.2))
    with pytest.raises(ValueError, match=r"pin\[0\] < pin\[1\], got \(0.2, 0.1\)"):
        replace(STIFF_NOISE, pin=(0.2, 0.1))


def test_batches_carry_the_target():
    x, force = draw(500)
    sets = [TrainingSet(x, 1.0, torch.zeros(500), force)]
    plain = NoisyBatches(sets, NoiseSettings(64, 0.001, 1.0, False), seed=3)
    stiff = NoisyBatches(sets, STIFF_NOISE, seed=3, stiff_pairs=PAIRS)
    assert plain.batch(0).target is None
    batch = stiff.batch(0)
    assert torch.equal(batch.x, plain.batch(0).x)
    expected = stiff.stiff(batch.x0, batch.x, batch.h, batch.reduced_force)
    assert torch.equal(batch.target, expected)
    assert (batch.target - batch.x0).abs().max() > 1e-4


def test_batches_are_completed_on_the_device_they_are_asked_for():
    x, force = draw(500)
    sets = [TrainingSet(x, 1.0, reduced_energy(x), force)]
    settings = replace(STIFF_NOISE, pin=(0.0002, 0.001), hands=(0.01, 1.0))
    batches = NoisyBatches(sets, settings, seed=3, stiff_pairs=PAIRS)
    here, there = batches.on("cpu").batch(0), batches.on("meta").batch(0)
    expected = batches.batch(0)
    for values, same, moved in zip(expected[:-1], here[:-1], there[:-1], strict=True):
        assert torch.equal(values, same)
        assert (moved.device.type, moved.shape) == ("meta", values.shape)
    assert torch.equal(here.pinned.energy, expected.pinned.energy)
    assert {values.device.type for values in there.pinned} == {"meta"}
    assert batches.batch(0).x.device.type == "cpu"


def test_target_needs_forces_of_one_temperature():
    x, force = draw(10)
    with pytest.raises(ValueError, match="needs forces and a single temperature"):
        NoisyBatches([TrainingSet(x, 1.0)], STIFF_NOISE, seed=1, stiff_pairs=PAIRS)
    sets = [TrainingSet(x, beta, torch.zeros(10), force) for beta in (1.0, 2.0)]
    with pytest.raises(ValueError, match="needs forces and a single temperature"):
        NoisyBatches(sets, STIFF_NOISE, seed=1, stiff_pairs=PAIRS)
    with pytest.raises(ValueError, match="stiff=True and None"):
        NoisyBatches(sets, STIFF_NOISE, seed=1)
