"""Proves that the molecular energy is invariant, handed, regular, and of order one at every noise level."""

import pytest
import torch

from pita.geometry import mean_free_noise, random_rotations, remove_mean
from pita.networks import molecular
from pita.networks.graph import MolecularGraph
from pita.networks.molecular import MolecularScalar

GRAPH = MolecularGraph(
    elements=("C", "N", "C", "C", "H", "O"),
    bonds=((0, 1), (0, 2), (0, 3), (0, 4), (2, 5)),
)
EXACT = {"rtol": 1e-10, "atol": 1e-10}


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def data():
    """A centre with four neighbours and a tail, jittered little, turned at random."""
    shape = torch.tensor(
        [[0.0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1], [2, -2, -0.5]], dtype=torch.float64
    )
    x = shape + 0.05 * torch.randn(400, 6, 3, generator=generator(), dtype=torch.float64)
    return remove_mean(x @ random_rotations(400, generator=generator(2), dtype=torch.float64).mT)


@pytest.fixture
def network(data):
    torch.manual_seed(3)
    network = MolecularScalar(graph=GRAPH, width=16, depth=2).double()
    network.calibrate(data)
    with torch.no_grad():  # nothing at its starting zeros
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator(4), dtype=torch.float64))
    return network


def energies(network, x, c_noise=-0.3):
    return network(torch.full((len(x),), c_noise, dtype=x.dtype), x)


def test_energy_is_invariant_under_rotation_and_translation_not_reflection(network, data):
    before = energies(network, data)
    turned = data @ random_rotations(len(data), generator=generator(5), dtype=torch.float64).mT + 3.0
    torch.testing.assert_close(energies(network, turned), before, **EXACT)
    assert (energies(network, data * torch.tensor([1.0, 1.0, -1.0])) - before).abs().min() > 1e-3


def test_unlike_atoms_are_told_apart(network, data):
    exchanged = data[:, [0, 2, 1, 3, 4, 5]]
    assert (energies(network, exchanged) - energies(network, data)).abs().min() > 1e-3


@pytest.mark.parametrize("sigma", [0.001, 0.05, 1.0, 20.0])
def test_deviations_are_of_order_one_at_every_noise_level(network, data, sigma):
    noise = mean_free_noise(tuple(data.shape), generator=generator(6), dtype=torch.float64)
    h = torch.full((len(data),), sigma**2, dtype=torch.float64)
    z = scaled_deviations(network, data + sigma * noise, h)
    assert (z.std(0) < 1.3).all()
    assert (z.std(0) > 0.5).all()
    assert (z.mean(0).abs() < 0.7).all()
    network.mean_distance.mul_(1.5)  # statistics of another molecule do not do
    if sigma < 0.1:
        assert scaled_deviations(network, data + sigma * noise, h).mean(0).abs().min() > 2


def scaled_deviations(network, x, h):
    return network._deviations(x, h) / (network.variance_distance + 2 * h[:, None]).sqrt()


@pytest.mark.parametrize("sigma", [1e-6, 0.001, 0.03, 0.1])  # at 0 the redundant one is 0 / 0
def test_whitened_deviations_have_unit_covariance_where_distances_are_independent(network, data, sigma):
    """Eleven of the twelve distances are: all but the turn of the tail."""
    noise = mean_free_noise(tuple(data.shape), generator=generator(6), dtype=torch.float64)
    h = torch.full((len(data),), sigma**2, dtype=torch.float64)
    deviation = network._deviations(data + sigma * noise, h)[:, network.stiff]
    covariance = torch.cov(network._whitened(deviation, h).T)
    values = torch.linalg.eigvalsh(covariance)
    n_independent = 3 * 6 - 6 - 1
    assert values[:-n_independent].abs().max() < 1e-10
    assert values[-n_independent] > 0.6
    assert values[-1] < 1.5
    if sigma < 1e-5:
        torch.testing.assert_close(
            values[-n_independent:], torch.ones(n_independent).double(), rtol=1e-5, atol=0
        )


def test_no_weights_give_stiff_pairs_a_well_away_from_the_data(network, data):
    """Whatever W, the form is zero at the mean distances and nowhere below."""
    h = torch.full((len(data),), 1e-4, dtype=torch.float64)
    deviation = 5 * torch.randn(len(data), len(network.stiff), generator=generator(8), dtype=torch.float64)
    gates = 10 * torch.randn(len(data), molecular.N_GATES, generator=generator(9), dtype=torch.float64)
    with torch.no_grad():
        network.form.normal_(generator=generator(10))
    assert network._quadratic(deviation, h, gates).min() > 0
    assert network._quadratic(0 * deviation, h, gates).abs().max() == 0


def test_energy_rises_where_there_are_no_data(network, data, monkeypatch):
    """Pairs far from their distances, but not bonded: only the wall says that no sample is there."""
    far = data.clone()
    far[:, 5] += 0.8 * (data[:, 5] - data[:, 2]) + 0.5 * (data[:, 5] - data[:, 3])
    network.form.data.zero_()
    walled = energies(network, far, -1.2) - energies(network, data, -1.2)
    assert walled.min() > 100
    monkeypatch.setattr(molecular, "WALL_STRENGTH", 0.0)
    bare = energies(network, far, -1.2) - energies(network, data, -1.2)
    assert (walled - bare).min() > 100
    monkeypatch.setattr(molecular, "WALL", 6.0)  # nothing reaches it among the data
    monkeypatch.setattr(molecular, "WALL_STRENGTH", 2.0)
    with_wall = energies(network, data, -1.2)
    monkeypatch.setattr(molecular, "WALL_STRENGTH", 0.0)
    assert torch.equal(with_wall, energies(network, data, -1.2))


def test_coincident_atoms_give_finite_energies_and_gradients(network, data):
    x = data[:4].clone()
    x[:, 1] = x[:, 0]
    leaf = x.requires_grad_()
    energy = energies(network, leaf)
    (gradient,) = torch.autograd.grad(energy.sum(), leaf, create_graph=True)
    gradient.square().sum().backward()
    assert energy.isfinite().all()
    assert leaf.grad.isfinite().all()
