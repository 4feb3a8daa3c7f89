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


def test_without_tetrahedral_atoms_mirror_images_are_alike(data):
    torch.manual_seed(3)
    flat = MolecularScalar(graph=MolecularGraph(GRAPH.elements, GRAPH.bonds[1:]), width=16, depth=2).double()
    flat.calibrate(data)
    mirrored = data * torch.tensor([1.0, 1.0, -1.0])
    torch.testing.assert_close(energies(flat, mirrored), energies(flat, data), **EXACT)


def test_unlike_atoms_are_told_apart(network, data):
    exchanged = data[:, [0, 2, 1, 3, 4, 5]]
    assert (energies(network, exchanged) - energies(network, data)).abs().min() > 1e-3


@pytest.mark.parametrize("sigma", [0.001, 0.05, 1.0, 20.0])
def test_deviations_are_of_order_one_at_every_noise_level(network, data, sigma):
    noise = mean_free_noise(tuple(data.shape), generator=generator(6), dtype=torch.float64)
    h = torch.full((len(data),), sigma**2, dtype=torch.float64)
    z = network._deviations(data + sigma * noise, h)
    assert (z.std(0) < 1.3).all()
    assert (z.std(0) > 0.5).all()
    assert (z.mean(0).abs() < 0.7).all()
    network.mean_distance.mul_(1.5)  # statistics of another molecule do not do
    if sigma < 0.1:
        assert network._deviations(data + sigma * noise, h).mean(0).abs().min() > 2


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


def test_stiff_pairs_are_one_or_two_bonds_apart():
    pairs = {tuple(pair) for pair in GRAPH.stiff_pairs().tolist()}
    bonded = {(0, 1), (0, 2), (0, 3), (0, 4), (2, 5)}
    assert pairs == bonded | {(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4), (0, 5)}


def test_tetrahedral_atoms_have_four_neighbours():
    assert GRAPH.tetrahedra().tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize("sigma", [0.1, 0.5, 3.0])
def test_variance_of_a_volume_under_noise(network, data, sigma):
    x = data[:1].expand(200_000, -1, -1)
    network.calibrate(x)
    noisy = x + sigma * mean_free_noise(tuple(x.shape), generator=generator(7), dtype=torch.float64)
    powers = torch.tensor([1.0, sigma**2, sigma**4], dtype=torch.float64)
    expected = (powers @ network.variance_volume + 24 * sigma**6).item()
    found = network._volumes(noisy)[0].var().item()
    assert found == pytest.approx(expected, rel=0.03)
    for left_out in range(1, 3):  # and every term counts somewhere
        powers[left_out] = 0
    assert (powers @ network.variance_volume + 24 * sigma**6).item() != pytest.approx(expected, rel=0.03)


def test_probabilities_of_both_hands_sum_to_one(network, data):
    with torch.no_grad():
        network.sharpness.weight.zero_()
        network.sharpness.bias.zero_()
    h, condition = torch.full((len(data),), 0.5).double(), torch.zeros(len(data), 16).double()
    mirror = torch.tensor([1.0, 1.0, -1.0])
    hands = [torch.exp(-network._handed(x, h, condition)) for x in (data, data * mirror)]
    torch.testing.assert_close(sum(hands), torch.ones_like(hands[0]))
    assert hands[0].mean() > 0.9


def test_features_name_place_and_element():
    features = GRAPH.atom_features()
    assert features.shape == (6, 6 + 4)
    assert torch.equal(features[:, :6], torch.eye(6))
    assert torch.equal(features[0, 6:], features[2, 6:])
    assert not torch.equal(features[0, 6:], features[1, 6:])


def test_atoms_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match=r"\[0, 2\), got \(0, 2\)"):
        MolecularGraph(("C", "H"), ((0, 2),))
