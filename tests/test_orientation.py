"""Proves the tilt and its gradient, and that rotations are drawn from the density whose norm is stated."""

import math

import pytest
import torch

from pita.geometry import random_rotations
from pita.orientation import log_normaliser, rotations_near_identity, tilt, tilt_and_gradient

F64 = {"dtype": torch.float64}
CONCENTRATIONS = (0.0, 0.5, 4.0, 200.0)
N = 20_000


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def angle_density(a, angle):
    """Haar density of the angle times exp(-a (1 - cos theta)), on a grid; not normalised."""
    return (1 - angle.cos()) / math.pi * torch.exp(-a * (1 - angle.cos()))


def mean_over_angles(a, function):
    angle = torch.linspace(0, math.pi, 200_001, **F64)
    density = angle_density(a, angle)
    return ((density * function(angle)).sum() / density.sum()).item()


def tilts_of(rotation):
    return (3 - rotation.diagonal(dim1=1, dim2=2).sum(1)) / 2


def draws(a, n=N, seed=1):
    return rotations_near_identity(torch.full((n,), a), generator=generator(seed), **F64)


def largest_deviation(rotation, a):
    """Of the mean and mean square of the tilt from those of f_a, in standard errors."""
    deviations = []
    for power in (1, 2):
        sample = tilts_of(rotation) ** power
        expected = mean_over_angles(a, lambda angle: (1 - angle.cos()) ** power)  # noqa: B023
        deviations.append(
            abs(sample.mean().item() - expected) / (sample.std().item() / math.sqrt(len(sample)))
        )
    return max(deviations)


def clouds(n=20):
    g = generator(3)
    reference = torch.randn((6, 3), generator=g, **F64)
    x = reference + 0.4 * torch.randn((n, 6, 3), generator=g, **F64)
    x = x @ random_rotations(n, generator=g, **F64).mT
    x[n // 2 :] = -x[n // 2 :]  # mirror images, whose optimal rotation is constrained by its determinant
    return x, reference


def test_tilt_is_that_of_the_rotation_applied():
    reference = clouds()[1]
    rotation = draws(2.0, n=50)
    torch.testing.assert_close(tilt(reference @ rotation.mT, reference), tilts_of(rotation))


def test_gradient_is_that_of_autograd_through_the_singular_value_decomposition():
    x, reference = clouds()
    value, gradient = tilt_and_gradient(x, reference)
    x.requires_grad_()
    expected = tilt(x, reference)
    torch.testing.assert_close(value, expected.detach())
    torch.testing.assert_close(gradient, torch.autograd.grad(expected.sum(), x)[0])


def test_gradient_is_the_finite_difference():
    (x, reference), step = clouds(), 1e-6
    direction = torch.randn(x.shape, generator=generator(4), **F64)
    slope = (tilt(x + step * direction, reference) - tilt(x - step * direction, reference)) / (2 * step)
    gradient = tilt_and_gradient(x, reference)[1]
    torch.testing.assert_close((gradient * direction).sum((1, 2)), slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("a", CONCENTRATIONS)
def test_normaliser_is_the_quadrature_over_angles(a):
    angle = torch.linspace(0, math.pi, 200_001, **F64)
    expected = torch.trapezoid(angle_density(a, angle), angle).log().item()
    assert log_normaliser(torch.tensor(a)).item() == pytest.approx(expected, abs=1e-8)


def test_normaliser_has_its_gaussian_limit():
    a = 1e6
    expected = math.log((2 * math.pi / a) ** 1.5 / (8 * math.pi**2))  # three angles, volume 8 pi^2
    assert log_normaliser(torch.tensor(a)).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("a", CONCENTRATIONS)
def test_rotations_are_proper_and_their_angles_follow_the_density(a):
    rotation = draws(a)
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3, **F64).expand(N, 3, 3))
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(N, **F64))
    assert largest_deviation(rotation, a) < 4
    assert largest_deviation(rotation, 1.1 * a + 0.1) > 4  # control: another concentration
    assert _distance_of_distributions(rotation, a) < 2  # exceeded with probability 7e-4
    assert _distance_of_distributions(rotation, 1.1 * a + 0.1) > 2


def _distance_of_distributions(rotation, a):
    """Kolmogorov's sqrt(n) max |F_n - F| of the angle."""
    angle = torch.acos((1 - tilts_of(rotation)).clamp(-1, 1)).sort().values
    grid = torch.linspace(0, math.pi, 200_001, **F64)
    cumulative = angle_density(a, grid).cumsum(0)
    expected = (cumulative / cumulative[-1])[torch.searchsorted(grid, angle).clamp(max=len(grid) - 1)]
    return (expected - torch.arange(1, len(angle) + 1) / len(angle)).abs().max().item() * math.sqrt(
        len(angle)
    )


def test_axes_are_uniform():
    rotation = draws(4.0)
    axial = (rotation - rotation.mT)[:, (2, 0, 1), (1, 2, 0)]
    axis = axial / axial.norm(dim=1, keepdim=True)
    assert axis.mean(0).abs().max().item() * math.sqrt(3 * N) < 4
    second = (axis[:, :, None] * axis[:, None]).mean(0) - torch.eye(3, **F64) / 3
    assert second.abs().max().item() * math.sqrt(N * 45 / 4) < 4.5  # variance of a squared component: 4/45


def test_zero_concentration_is_haar():
    rotation = draws(0.0)
    assert rotation.mean(0).abs().max().item() * math.sqrt(3 * N) < 4.5
    assert draws(0.3).mean(0).abs().max().item() * math.sqrt(3 * N) > 4.5  # control


def test_each_rotation_has_its_own_concentration():
    a = torch.tensor([1.0, 50.0]).repeat(N)
    rotation = rotations_near_identity(a, generator=generator(), **F64)
    for first, concentration in enumerate((1.0, 50.0)):
        assert largest_deviation(rotation[first::2], concentration) < 4
    assert largest_deviation(rotation, 1.0) > 4


def test_annealing_narrows_the_density_to_gamma_times_its_concentration():
    a, gamma = 3.0, 1.8
    tilts = tilts_of(draws(a))
    w = torch.exp(-(gamma - 1) * a * tilts)  # f_a^gamma / f_a up to its norm
    ratio = (log_normaliser(torch.tensor(gamma * a)) - log_normaliser(torch.tensor(a))).exp().item()
    assert abs(w.mean().item() / ratio - 1) < 4 * (w.std().item() / ratio / math.sqrt(N))

    def deviation(concentration):
        residual = w * (tilts - mean_over_angles(concentration, lambda angle: 1 - angle.cos()))
        return abs(residual.mean().item()) / (residual.std().item() / math.sqrt(N))

    assert deviation(gamma * a) < 4
    assert deviation(a) > 4  # control: not narrowed
