"""Proves the preconditioned heads: limits in the noise, the energy as printed, score and denoiser as one."""

import pytest
import torch

from pita.geometry import remove_mean
from pita.networks.egnn import Egnn
from pita.networks.pairwise import PairwiseScalar, PairwiseVector
from pita.networks.precondition import EnergyHead, ScalarEnergyHead, ScoreHead
from pita.networks.transformer import Transformer

N_ATOMS = 5
SHAPE = {"width": 16, "depth": 2}
VECTORS = {
    "egnn": lambda: Egnn(n_atoms=N_ATOMS, **SHAPE),
    "pairwise": lambda: PairwiseVector(n_atoms=N_ATOMS, **SHAPE),
    "transformer": lambda: Transformer(heads=2, **SHAPE),
}


def configurations(n=4):
    generator = torch.Generator().manual_seed(3)
    return remove_mean(torch.randn(n, N_ATOMS, 3, generator=generator, dtype=torch.float64))


@pytest.mark.parametrize("kind", VECTORS)
def test_denoiser_returns_its_input_without_noise_and_the_centre_under_infinite_noise(kind):
    torch.manual_seed(5)
    head, x = ScoreHead(VECTORS[kind]().double()), configurations()
    quiet = torch.full((len(x),), 1e-12, dtype=torch.float64)
    torch.testing.assert_close(head.denoise(x, quiet), x, rtol=0, atol=1e-4)
    # c_s x -> x / h, while c_out -> 1: what stays at infinite noise is F, the network's guess of the mean.
    loud = torch.full((len(x),), 1e12, dtype=torch.float64)
    noisy = x * 1e6
    guess = head.network(loud.log() / 8, noisy / (1 + 1e12) ** 0.5)
    torch.testing.assert_close(head.denoise(noisy, loud), guess, rtol=0, atol=1e-5)
    middle = torch.ones(len(x), dtype=torch.float64)
    assert (head.denoise(x, middle) - x).abs().max() > 0.1


@pytest.mark.parametrize("kind", VECTORS)
def test_score_is_the_denoiser_minus_x_over_h(kind):
    torch.manual_seed(5)
    head, x = ScoreHead(VECTORS[kind]().double()), configurations()
    h = torch.tensor([1e-3, 0.1, 1.0, 50.0], dtype=torch.float64)
    expected = (head.denoise(x, h) - x) / h[:, None, None]
    torch.testing.assert_close(head.score(x, h), expected, rtol=1e-9, atol=1e-9)


def test_inner_product_energy_is_the_printed_formula():
    torch.manual_seed(5)
    network, x = VECTORS["egnn"]().double(), configurations()
    h = torch.tensor([1e-3, 0.1, 1.0, 50.0], dtype=torch.float64)
    c_s, c_in, c_out = 1 / (1 + h), (1 + h) ** -0.5, h.sqrt() * (1 + h) ** -0.5
    scaled = c_in[:, None, None] * x
    overlap = (network(h.sqrt().log() / 4, scaled) * scaled).sum((1, 2))
    expected = (1 - c_s) / (2 * h) * x.square().sum((1, 2)) - c_out / (c_in * h) * overlap
    torch.testing.assert_close(EnergyHead(network)(x, h), expected)


@pytest.mark.parametrize("kind", ["scalar", *VECTORS])
def test_gradient_of_the_energy_equals_finite_differences(kind):
    torch.manual_seed(5)
    scalar = PairwiseScalar(n_atoms=N_ATOMS, **SHAPE).double() if kind == "scalar" else None
    head = EnergyHead(VECTORS[kind]().double()) if scalar is None else ScalarEnergyHead(scalar)
    x, h = configurations(2), torch.tensor([0.05, 2.0], dtype=torch.float64)
    gradient = torch.func.grad(lambda z: head(z, h).sum())(x)
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    step = 1e-5
    numeric = (head(x + step * direction, h) - head(x - step * direction, h)) / (2 * step)
    torch.testing.assert_close((gradient * direction).sum((1, 2)), numeric, rtol=1e-7, atol=1e-7)
    # The bare Gaussian term is not the gradient of the whole: the network takes part.
    bare = (x / (1 + h)[:, None, None] * direction).sum((1, 2))
    assert (bare - numeric).abs().max() > 1e-3


def test_scalar_energy_and_its_score_stay_finite_as_the_noise_vanishes():
    torch.manual_seed(5)
    head, x = ScalarEnergyHead(PairwiseScalar(n_atoms=N_ATOMS, **SHAPE).double()), configurations()
    quiet, quieter = (torch.full((len(x),), h, dtype=torch.float64) for h in (1e-6, 1e-8))
    assert (head(x, quiet) - head(x, quieter)).abs().max() < 1
    vector = EnergyHead(Egnn(n_atoms=N_ATOMS, **SHAPE).double())
    assert (vector(x, quiet) - vector(x, quieter)).abs().max() > 10 * (
        head(x, quiet) - head(x, quieter)
    ).abs().max()
