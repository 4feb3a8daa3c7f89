"""Proves the log-odds of hands and isomers against integrals over rotations, and that they are odd."""

import pytest
import torch
from torch.nn.functional import softplus

from pita.geometry import mean_free_noise, random_rotations, remove_mean
from pita.losses import hand_cross_entropy
from pita.networks.graph import MolecularGraph
from pita.networks.handedness import Hands, HandWells, PlanarBonds, RigidFragments, Surroundings

# A stereocentre 0 of four neighbours; tails 5 and 6, and 7, 8, 9 hydrogens of the methyl group 3.
GRAPH = MolecularGraph(
    elements=("C", "N", "C", "C", "F", "O", "H", "H", "H", "H"),
    bonds=((0, 1), (0, 2), (0, 3), (0, 4), (2, 5), (1, 6), (3, 7), (3, 8), (3, 9)),
)
SHAPE = torch.tensor(
    [
        [0.0, 0, 0],
        [1, 1, 1],
        [1, -1, -1],
        [-1, 1, -1],
        [-1, -1, 1],
        [2, -2, -0.5],
        [0.4, 2, 1.8],
        [-2, 1, -1.2],
        [-1, 2, -1.2],
        [-0.9, 1.2, -2],
    ],
    dtype=torch.float64,
)
MIRROR = torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
WIDTH = 16


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def noise(shape, seed=6):
    return mean_free_noise(shape, generator=generator(seed), dtype=torch.float64)


def rigid(n, seed=2):
    """The molecule without a bend, turned at random; (n, 10, 3)."""
    return remove_mean(SHAPE @ random_rotations(n, generator=generator(seed), dtype=torch.float64).mT)


def pair_places(n_atoms):
    first, second = torch.triu_indices(n_atoms, n_atoms, offset=1)
    place = torch.zeros(n_atoms, n_atoms, dtype=torch.long)
    place[first, second] = place[second, first] = torch.arange(len(first))
    return place


@pytest.fixture
def hands():
    torch.manual_seed(3)
    hands = Hands(GRAPH, place=pair_places(10), width=WIDTH).double()
    hands.calibrate(rigid(100) + 0.02 * noise((100, 10, 3)))
    return hands


def stirred(module):
    with torch.no_grad():  # nothing at its starting zeros
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator(4), dtype=torch.float64))
    return module


def read(x, seed=5):
    """Some distances and conditions: what they are is of no importance to symmetry."""
    z = torch.randn(len(x), 45, generator=generator(seed), dtype=torch.float64)
    return z, torch.randn(len(x), WIDTH, generator=generator(seed + 1), dtype=torch.float64)


def test_log_odds_are_odd_under_reflection_and_invariant_under_rotation(hands):
    x, h = rigid(50) + 0.5 * noise((50, 10, 3)), torch.full((50,), 0.25).double()
    found = stirred(hands)(x, h, read(x))
    assert found.shape == (50, 2)
    torch.testing.assert_close(hands(x * MIRROR, h, read(x)), -found)
    turned = x @ random_rotations(50, generator=generator(8), dtype=torch.float64).mT
    torch.testing.assert_close(hands(turned, h, read(x)), found)
    formula = hands.rigid(x, h)
    assert (found[:, 0] - formula[:, 0]).abs().mean() > 0.01
    assert torch.equal(found[:, 1], formula[:, 1])  # a methyl group is known by itself alone


def test_twins_are_no_evidence_of_a_stereocentre(hands):
    x, h = (rigid(5) + 0.5 * noise((5, 10, 3))).requires_grad_(), torch.full((5,), 0.25).double()
    stirred(hands)(x, h, read(x))[:, 0].sum().backward()
    moved = x.grad.abs().sum((0, 2)) > 1e-9
    assert moved.tolist() == [True] * 7 + [False] * 3


def exact_log_odds(x, shape, sigma, n_rotations=40_000):
    """Log-odds of a rigid shape (n, 3) against its mirror image given x (N, n, 3), by integration."""
    rotations = random_rotations(n_rotations, generator=generator(7), dtype=torch.float64)
    overlap = remove_mean(x).mT @ remove_mean(shape) / sigma**2
    exponents = torch.einsum("rij,nij->nr", rotations, overlap)
    return exponents.logsumexp(1) - (-exponents).logsumexp(1)


@pytest.mark.parametrize("sigma", [0.7, 1.0, 1.5])
def test_log_odds_of_a_rigid_fragment_in_any_orientation(sigma):
    fragments = RigidFragments(GRAPH).double()
    x = rigid(400) + sigma * noise((400, 10, 3))
    fragments.calibrate(rigid(100))
    found = fragments(x, torch.full((400,), sigma**2).double())[:, 0]
    corners = fragments.fragments[0]
    exact = exact_log_odds(x[:, corners], SHAPE[corners], sigma)
    doubtful = exact.abs() < 4
    assert doubtful.sum() > 20
    assert 1 - torch.corrcoef(torch.stack((found, exact))[:, doubtful])[0, 1] < 0.03
    a, b, c, d, _ = (x[:, corner] for corner in corners)
    crude = (torch.linalg.cross(a - d, b - d) * (c - d)).sum(1)
    assert 1 - torch.corrcoef(torch.stack((crude, exact))[:, doubtful])[0, 1] > 0.03


def test_cross_entropy_teaches_what_the_surroundings_know(hands):
    """From data of one hand alone, toward the least cross entropy, that of the exact log-odds."""
    sigma, n = 1.2, 1500
    x, h = rigid(n, seed=20) + sigma * noise((n, 10, 3), seed=21), torch.full((n,), sigma**2).double()
    known = [0, 1, 2, 3, 4, 5, 6]  # all but twins
    least = softplus(-exact_log_odds(x[:, known], SHAPE[known], sigma, 20_000)).mean()
    pairs = torch.triu_indices(10, 10, offset=1)

    def entropy(x, h):
        z = (x[:, pairs[0]] - x[:, pairs[1]]).norm(dim=-1) - 3
        return hand_cross_entropy(hands(x, h, (z, z.new_zeros(len(x), WIDTH)))[:, :1])

    before = entropy(x, h)
    optimiser = torch.optim.Adam(hands.parameters(), lr=5e-3)
    for step in range(300):
        batch = rigid(256, seed=100 + step) + sigma * noise((256, 10, 3), seed=1000 + step)
        optimiser.zero_grad()
        entropy(batch, h[:256]).backward()
        optimiser.step()
    after = entropy(x, h)
    assert before - least > 0.05
    assert after - least < 0.3 * (before - least)
    assert after > least - 0.02  # nothing knows more than the exact log-odds


@pytest.mark.parametrize("sigma", [0.1, 0.5, 3.0])
def test_mean_square_of_a_triple_product_under_noise(sigma):
    around = Surroundings(GRAPH, 0, place=pair_places(10), width=WIDTH).double()
    x = rigid(1).expand(100_000, -1, -1)
    around.calibrate(x[:2])
    found = around.volumes(x + sigma * noise(tuple(x.shape)))[:, 0].square().mean().item()
    powers = torch.tensor([1.0, sigma**2, sigma**4], dtype=torch.float64)
    expected = (powers @ around.square_volume)[0].item() + 24 * sigma**6
    assert found == pytest.approx(expected, rel=0.03)
    for left_out in range(3):  # and every term counts somewhere
        without = powers.clone()
        without[left_out] = 0
        rest = (without @ around.square_volume)[0].item() + 24 * sigma**6
        if rest < 0.9 * expected:
            assert found != pytest.approx(rest, rel=0.03)


def test_triple_products_are_each_of_three_vectors_from_the_centre():
    around = Surroundings(GRAPH, 0, place=pair_places(10), width=WIDTH).double()
    x = rigid(3)
    assert around.others.tolist() == [1, 2, 3, 4, 5, 6]
    r = (x[:, 1:7] - x[:, :1]).unbind(1)
    expected = [
        (torch.linalg.cross(r[i], r[j]) * r[k]).sum(1)
        for i in range(6)
        for j in range(i + 1, 6)
        for k in range(j + 1, 6)
    ]
    torch.testing.assert_close(around.volumes(x), torch.stack(expected, dim=1))


def test_wells_are_even_and_flat_at_the_start():
    wells = HandWells(2, n_gates=3).double()
    log_odds = 5 * torch.randn(50, 2, generator=generator(), dtype=torch.float64)
    gates = torch.randn(50, 3, generator=generator(2), dtype=torch.float64)
    assert not wells(log_odds, gates).any()
    stirred(wells)
    torch.testing.assert_close(wells(-log_odds, gates), wells(log_odds, gates))
    assert wells(log_odds, gates).std() > 0.1


@pytest.fixture
def planar():
    """Two planar atoms with two neighbours each, trans: the four atoms 2 to 5; and data of them."""
    shape = [[-0.5, 0, 0], [0.5, 0, 0], [-1, 0.9, 0], [-1, -0.9, 0.2], [1.1, 0.8, 0], [1, -1, -0.1]]
    x = torch.tensor(shape, dtype=torch.float64)
    data = remove_mean(x + 0.05 * torch.randn(400, 6, 3, generator=generator(), dtype=torch.float64))
    bonds = PlanarBonds(MolecularGraph(tuple("CNOCHC"), ((0, 1), (0, 2), (0, 3), (1, 4), (1, 5)))).double()
    bonds.calibrate(data)
    return bonds, data


@pytest.mark.parametrize("sigma", [0.1, 0.5, 3.0])
def test_log_odds_of_a_planar_bond_are_its_product_over_the_variance(planar, sigma):
    bonds, data = planar
    x = data[:1].expand(200_000, -1, -1)
    bonds.calibrate(x[:2])
    h = torch.full((len(x),), sigma**2, dtype=torch.float64)
    log_odds = bonds(x + sigma * noise(tuple(x.shape)), h)[:, 0]
    # L = 2 q q_0 / variance has mean 2 q_0^2 / variance and variance twice that.
    assert log_odds.var().item() == pytest.approx(2 * log_odds.mean().item(), rel=0.05)


def test_probabilities_of_cis_and_trans_sum_to_one(planar):
    bonds, trans = planar
    cis = trans.clone()
    cis[:, [2, 3]] = trans[:, [3, 2]]  # exchanged places
    h = torch.full((len(trans),), 0.5).double()
    probabilities = [torch.sigmoid(bonds(x, h)) for x in (trans, cis)]
    torch.testing.assert_close(sum(probabilities), torch.ones_like(probabilities[0]))
    assert probabilities[0].mean() > 0.85
