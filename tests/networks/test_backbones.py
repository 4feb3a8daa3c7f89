"""Proves the symmetries of every backbone in float64, and where they must not hold."""

import pytest
import torch

from pita.geometry import random_rotations, remove_mean
from pita.networks.egnn import Egnn
from pita.networks.pairwise import PairwiseScalar, PairwiseVector
from pita.networks.transformer import Transformer

N_ATOMS = 5
EXACT = {"rtol": 0, "atol": 1e-11}
SHAPE = {"width": 16, "depth": 2, "conditioned": True}
BUILDERS = {
    "egnn": lambda: Egnn(n_atoms=N_ATOMS, **SHAPE),
    "pairwise": lambda: PairwiseVector(n_atoms=N_ATOMS, **SHAPE),
    "transformer": lambda: Transformer(heads=2, **SHAPE),
}


def built(kind):
    torch.manual_seed(7)
    network = BUILDERS[kind]().double()
    # Coordinate updates of the graph network start near zero; symmetry is to be seen on outputs of order one.
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "coordinate" in name:
                weight.add_(0.3 * torch.randn_like(weight))
    return network


def configurations(seed=1, n=4):
    generator = torch.Generator().manual_seed(seed)
    y = remove_mean(torch.randn(n, N_ATOMS, 3, generator=generator, dtype=torch.float64))
    c_noise = torch.linspace(-1, 0.6, n, dtype=torch.float64)
    return c_noise, y, torch.linspace(-1.4, 0.2, n, dtype=torch.float64)


@pytest.mark.parametrize("kind", BUILDERS)
def test_output_is_permuted_with_the_atoms_and_blind_to_translation(kind):
    network, (c_noise, y, log_beta) = built(kind), configurations()
    order = torch.tensor([3, 0, 4, 1, 2])
    output = network(c_noise, y, log_beta)
    assert output.shape == y.shape and output.abs().max() > 1e-3
    torch.testing.assert_close(network(c_noise, y[:, order], log_beta), output[:, order], **EXACT)
    torch.testing.assert_close(network(c_noise, y + 2.5, log_beta), output, **EXACT)
    torch.testing.assert_close(output.mean(1), torch.zeros(len(y), 3, dtype=torch.float64), **EXACT)


@pytest.mark.parametrize("kind", BUILDERS)
def test_only_the_invariant_networks_turn_with_the_configuration(kind):
    network, (c_noise, y, log_beta) = built(kind), configurations()
    generator = torch.Generator().manual_seed(2)
    rotation = random_rotations(len(y), generator=generator, dtype=torch.float64).mT
    turned = network(c_noise, y @ rotation, log_beta)
    error = (turned - network(c_noise, y, log_beta) @ rotation).abs().max()
    assert (error < 1e-11) == (kind != "transformer")


@pytest.mark.parametrize("kind", BUILDERS)
def test_noise_level_and_temperature_change_the_output(kind):
    network, (c_noise, y, log_beta) = built(kind), configurations()
    output = network(c_noise, y, log_beta)
    assert (network(c_noise + 0.1, y, log_beta) - output).abs().max() > 1e-4
    assert (network(c_noise, y, log_beta + 0.1) - output).abs().max() > 1e-5
    with pytest.raises(ValueError, match="beta"):
        network(c_noise, y)


def test_scalar_network_is_invariant_and_sees_three_body_geometry():
    torch.manual_seed(7)
    network = PairwiseScalar(n_atoms=N_ATOMS, **SHAPE).double()
    c_noise, y, log_beta = configurations()
    rotation = random_rotations(len(y), generator=torch.Generator().manual_seed(2), dtype=torch.float64).mT
    output = network(c_noise, y, log_beta)
    moved = (y @ rotation)[:, torch.tensor([3, 0, 4, 1, 2])] + 1.0
    torch.testing.assert_close(network(c_noise, moved, log_beta), output, **EXACT)
    assert network(c_noise, 1.1 * y, log_beta).sub(output).abs().max() > 1e-3


def test_coincident_atoms_give_finite_outputs_and_gradients():
    c_noise, y, log_beta = configurations()
    y[:, 1] = y[:, 0]
    for network in map(built, BUILDERS):
        leaf = y.clone().requires_grad_()
        network(c_noise, leaf, log_beta).square().sum().backward()
        assert leaf.grad.isfinite().all()


def test_atom_features_break_the_symmetry_between_unlike_atoms_only():
    torch.manual_seed(7)
    features = torch.tensor([[1.0, 0.0]] * 2 + [[0.0, 1.0]] * 3)
    network = Transformer(heads=2, width=16, depth=2, atom_features=features).double()
    c_noise, y, _ = configurations()
    output = network(c_noise, y)
    alike, unlike = torch.tensor([1, 0, 2, 3, 4]), torch.tensor([2, 1, 0, 3, 4])
    torch.testing.assert_close(network(c_noise, y[:, alike]), output[:, alike], **EXACT)
    assert (network(c_noise, y[:, unlike]) - output[:, unlike]).abs().max() > 1e-3


def test_width_that_heads_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="width=10"):
        Transformer(width=10, heads=4)
