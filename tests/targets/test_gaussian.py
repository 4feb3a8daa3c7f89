"""Proves the mixture exact: normalised, score = -grad energy at every noise, annealed truth by quadrature."""

import math

import pytest
import torch

from pita.targets.gaussian import GaussianMixture

F64 = {"dtype": torch.float64}


@pytest.fixture
def mixture() -> GaussianMixture:
    means = torch.tensor([[-1.0, 0.0, 0.5], [1.0, 1.0, 0.0]], **F64)
    return GaussianMixture(means, torch.tensor([0.2, 0.6], **F64), torch.tensor([3.0, 1.0], **F64))


@pytest.fixture
def separated() -> GaussianMixture:
    """One-dimensional, modes 12 standard deviations or more apart."""
    means = torch.tensor([[-4.0], [4.0]], **F64)
    return GaussianMixture(means, torch.tensor([0.05, 0.4], **F64), torch.tensor([0.3, 0.7], **F64))


def _grid() -> tuple[torch.Tensor, float]:
    grid = torch.linspace(-40, 40, 400_001, **F64)
    return grid[:, None], (grid[1] - grid[0]).item()


def test_single_mode_is_the_textbook_gaussian():
    gaussian = GaussianMixture(
        torch.zeros(1, 2, **F64), torch.tensor([4.0], **F64), torch.tensor([1.0], **F64)
    )
    x = torch.tensor([[3.0, 1.0]], **F64)
    assert gaussian.energy(x).item() == pytest.approx(10 / 8 + math.log(2 * math.pi * 4))
    assert gaussian.energy(x, h=1.0).item() == pytest.approx(10 / 10 + math.log(2 * math.pi * 5))
    assert gaussian.score(x, h=1.0).tolist() == [pytest.approx([-0.6, -0.2])]


@pytest.mark.parametrize("h", [0.0, 0.01, 1.0, 100.0, torch.tensor(0.3)])
def test_score_is_minus_the_gradient_of_the_energy(mixture, h):
    x = torch.randn((20, 3), generator=torch.Generator().manual_seed(1), **F64).mul_(2).requires_grad_()
    (gradient,) = torch.autograd.grad(mixture.energy(x, h).sum(), x)
    energy, score = mixture.energy_and_score(x, h)
    torch.testing.assert_close(score, -gradient)
    torch.testing.assert_close(score, mixture.score(x, h))
    torch.testing.assert_close(energy, mixture.energy(x, h))


@pytest.mark.parametrize("h", [0.0, 0.5, 9.0])
def test_density_integrates_to_one_at_every_noise(separated, h):
    x, step = _grid()
    assert separated.log_density(x, h).exp().sum().item() * step == pytest.approx(1, abs=1e-9)


def test_noisy_density_is_the_convolution_with_gaussian_noise(separated):
    x, step = _grid()
    x, step = x[::20], 20 * step
    h, at = 0.5, torch.tensor([[-3.0], [0.2], [4.5]], **F64)
    kernel = torch.exp(-(at - x.T).square() / (2 * h)) / math.sqrt(2 * math.pi * h)
    convolved = (kernel * separated.log_density(x).exp()).sum(1) * step
    torch.testing.assert_close(separated.log_density(at, h).exp(), convolved, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.8, 1.5, 3.0])
def test_annealed_truth_agrees_with_quadrature(separated, gamma):
    x, step = _grid()
    density = (gamma * separated.log_density(x)).exp()
    z = density.sum().item() * step
    right = x[:, 0] > 0
    mass = density[right].sum().item() * step / z
    centred = (x[right, 0] - 4).square()
    variance = ((density[right] * centred).sum() / density[right].sum()).item()
    annealed = separated.annealed(gamma)
    assert separated.annealed_log_z(gamma) == pytest.approx(math.log(z), abs=1e-6)
    assert annealed.weights[1].item() == pytest.approx(mass, rel=1e-6)
    assert annealed.variances[1].item() == pytest.approx(variance, rel=1e-4)
    assert separated.weights[1].item() != pytest.approx(mass, rel=1e-3)  # control: masses not annealed


def test_annealed_mass_in_ten_dimensions_has_the_closed_form():
    d, gamma = 10, 1.5
    means = torch.stack([torch.full((d,), -2.0, **F64), torch.full((d,), 2.0, **F64)])
    variances, weights = torch.tensor([0.05, 0.08], **F64), torch.tensor([0.4, 0.6], **F64)
    mass = weights**gamma * variances ** (d * (1 - gamma) / 2)
    annealed = GaussianMixture(means, variances, weights).annealed(gamma)
    torch.testing.assert_close(annealed.weights, mass / mass.sum())
    torch.testing.assert_close(annealed.variances, variances / gamma)


def test_log_z_of_a_tempered_single_gaussian_has_the_closed_form():
    d, c, gamma = 6, 0.3, 2.5
    gaussian = GaussianMixture(torch.ones(1, d, **F64), torch.tensor([c], **F64), torch.ones(1, **F64))
    log_z = d / 2 * (math.log(2 * math.pi * c / gamma) - gamma * math.log(2 * math.pi * c))
    assert gaussian.annealed_log_z(gamma) == pytest.approx(log_z, rel=1e-12)
    assert gaussian.annealed_log_z(1.0) == pytest.approx(0, abs=1e-12)


def test_samples_have_the_moments_of_the_noisy_mixture(separated):
    n, h = 50_000, 0.5
    x = separated.sample(n, generator=torch.Generator().manual_seed(2), h=h)[:, 0]
    mass = (x > 0).double().mean().item()
    variance = (x[x > 0] - 4).square().mean().item()

    def deviations(expected_variance):
        error_mass = abs(mass - 0.7) / math.sqrt(0.21 / n)
        return max(error_mass, abs(variance / expected_variance - 1) / math.sqrt(2 / (0.7 * n)))

    assert deviations(0.4 + h) < 4
    assert deviations(0.4) > 4  # control: noise forgotten


def test_mean_free_mixture_lives_in_the_subspace():
    n_atoms, c, h = 4, 0.25, 0.5
    means, one = torch.zeros(1, n_atoms, 3, **F64), torch.ones(1, **F64)
    gaussian = GaussianMixture(means, c * one, one, mean_free=True)
    assert (gaussian.n_atoms, gaussian.n_dof) == (4, 9)
    n = 20_000
    x = gaussian.sample(n, generator=torch.Generator().manual_seed(3), h=h)
    assert x.mean(1).abs().max().item() < 1e-12
    assert gaussian.score(x, h).mean(1).abs().max().item() < 1e-12
    square = x.square().sum((1, 2))
    chi_square = square.mean().item() / (c + h)
    assert abs(chi_square - 9) / math.sqrt(18 / n) < 4
    assert abs(chi_square - 12) / math.sqrt(24 / n) > 4  # control: degrees of freedom of the full space
    expected = square / (2 * (c + h)) + 4.5 * math.log(2 * math.pi * (c + h))
    torch.testing.assert_close(gaussian.energy(x, h), expected)


def test_responsibilities_are_the_posterior_of_the_modes(mixture):
    x = torch.zeros(1, 3, **F64)
    densities = torch.tensor([3 * 0.2**-1.5 * math.exp(-1.25 / 0.4), 0.6**-1.5 * math.exp(-2 / 1.2)], **F64)
    torch.testing.assert_close(mixture.responsibilities(x)[0], densities / densities.sum())


def test_annealing_keeps_float32():
    single = GaussianMixture(torch.zeros(2, 3), torch.ones(2), torch.ones(2)).annealed(2.0)
    assert single.energy(torch.zeros(1, 3)).dtype == torch.float32


@pytest.mark.parametrize(
    ("variances", "weights", "message"),
    [
        ([0.1], [1.0, 1.0], "first size"),
        ([0.1, 0.0], [1.0, 1.0], "positive"),
        ([0.1, 0.1], [1.0, -1.0], "positive"),
    ],
)
def test_impossible_mixtures_raise(variances, weights, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(torch.zeros(2, 3), torch.tensor(variances), torch.tensor(weights))


def test_mean_free_mixture_with_uncentred_means_raises():
    with pytest.raises(ValueError, match="mean_free needs centred means"):
        GaussianMixture(torch.ones(1, 4, 3), torch.ones(1), torch.ones(1), mean_free=True)
