"""Proves that flattened sets draw classes as they should, keep one density, and find basins of rotors."""

import pytest
import torch

from pita.data import NoiseSettings, NoisyBatches
from pita.flattening import classes, directions, flattened
from pita.geometry import random_rotations
from pita.networks.graph import MolecularGraph
from pita.training_set import TrainingSet, shares

ROTORS = torch.tensor([[0, 1, 2, 3]])
BETA = 2.0
SHARE = 0.1


def chain(angles):
    """Four atoms in a row with the given angles about the middle bond, (n, 4, 3)."""
    zero = torch.zeros_like(angles)
    end = torch.stack((angles.cos(), angles.sin(), zero + 1.3), dim=-1)
    start = torch.tensor([[1.0, 0, -0.3], [0, 0, 0], [0, 0, 1.0]], dtype=angles.dtype)
    return torch.cat((start.expand(len(angles), 3, 3), end[:, None]), dim=1)


@pytest.fixture
def two_basins():
    """1,000 chains, every tenth at +1 rad, the others at -2 rad, and in which of the two they are."""
    g = torch.Generator().manual_seed(1)
    rare = torch.arange(1000) % 10 == 0
    angles = torch.where(rare, 1.0, -2.0) + 0.1 * torch.randn(1000, generator=g)
    return chain(angles.double()), rare


def test_directions_are_the_angle_however_the_molecule_is_turned():
    angles = torch.tensor([-3.0, -1.0, 0.5, 2.0], dtype=torch.float64)
    expected = torch.stack((angles.cos(), angles.sin()), dim=1)
    turns = random_rotations(4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    torch.testing.assert_close(directions(chain(angles) @ turns.mT + 5.0, ROTORS), expected)
    mirrored = chain(angles) * torch.tensor([1.0, -1.0, 1.0])
    torch.testing.assert_close(directions(mirrored, ROTORS)[:, 1], -expected[:, 1])


def test_classes_do_not_mix_basins_and_none_is_empty(two_basins):
    x, rare = two_basins
    label = classes(x, ROTORS)
    assert set(label[rare].tolist()).isdisjoint(label[~rare].tolist())
    assert torch.bincount(label).min() > 0


def test_equal_configurations_are_one_class():
    label = classes(chain(torch.ones(20)), ROTORS)
    assert label.unique().tolist() == [0]


def test_classes_are_drawn_by_a_power_of_their_share(two_basins):
    x, _ = two_basins
    plain = TrainingSet(x, BETA, torch.zeros(len(x), dtype=torch.float64))
    label = classes(x, ROTORS)
    share = torch.bincount(label) / len(label)
    found = torch.bincount(label, shares(flattened(plain, ROTORS, power=0.5)))
    torch.testing.assert_close(found, (share**0.5 / (share**0.5).sum()).double())
    torch.testing.assert_close(
        torch.bincount(label, shares(flattened(plain, ROTORS, power=1.0))),
        torch.full((len(share),), 1 / len(share), dtype=torch.float64),
    )


def test_rare_basins_gain(two_basins):
    x, rare = two_basins
    weight = shares(flattened(TrainingSet(x, BETA), ROTORS, power=0.5))
    assert weight[rare].sum() > 1.5 * SHARE
    assert shares(TrainingSet(x, BETA))[rare].sum().item() == pytest.approx(SHARE)


def test_energies_and_draws_are_of_one_density(two_basins):
    """Drawing with w and E - ln w / beta: exp(-beta E) / exp(-beta E') is 1 / w, row by row."""
    x, _ = two_basins
    energy = torch.linspace(-3, 3, len(x), dtype=torch.float64)
    force = torch.ones_like(x)
    flat = flattened(TrainingSet(x, BETA, energy, force), ROTORS, power=0.5)
    ratio = flat.weight * torch.exp(-BETA * (energy - flat.energy))
    torch.testing.assert_close(ratio, torch.ones_like(ratio))
    assert flat.force is force
    assert (flat.energy - energy).std() > 0.1


def test_batches_draw_flattened_sets(two_basins):
    x, rare = two_basins
    noise = NoiseSettings(512, 1e-3, 2e-3, False)
    settings = NoiseSettings(512, 1e-3, 2e-3, False, flatten=0.5)
    sets = [TrainingSet(x.float(), BETA)]
    counts = []
    for batches in (NoisyBatches(sets, noise, seed=1), NoisyBatches(sets, settings, seed=1, rotors=ROTORS)):
        drawn = torch.cat([batches.batch(step).x0 for step in range(4)])
        counts.append((directions(drawn, ROTORS)[:, 1] > 0).float().mean().item())
    assert counts[0] == pytest.approx(SHARE, abs=0.03)
    assert counts[1] > 1.5 * SHARE


def test_what_cannot_be_flattened_is_refused(two_basins):
    x, _ = two_basins
    plain = TrainingSet(x, BETA)
    with pytest.raises(ValueError, match="no"):
        flattened(plain, ROTORS[:0], power=0.5)
    with pytest.raises(ValueError, match=r"power must be in \(0, 1\], got 0.0"):
        flattened(plain, ROTORS, power=0.0)
    with pytest.raises(ValueError, match="weights cannot be flattened"):
        flattened(plain._replace(weight=torch.ones(len(x))), ROTORS, power=0.5)
    with pytest.raises(ValueError, match=r"flatten must be in \(0, 1\], got 2.0"):
        NoiseSettings(8, 0.1, 1.0, False, flatten=2.0)
    with pytest.raises(ValueError, match="rotors go with flatten"):
        NoisyBatches([plain], NoiseSettings(8, 0.1, 1.0, False, flatten=0.5), seed=1)


def test_rotors_are_bonds_that_turn():
    """Butanol turns about two of its bonds; an amide about none, whose only inner bond is planar."""
    bonds = ((0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (1, 6), (2, 7), (2, 8), (3, 9), (3, 10), (4, 11))
    butanol = MolecularGraph(tuple("CCCCOHHHHHHH"), bonds)
    assert butanol.rotors().tolist() == [[0, 1, 2, 3], [1, 2, 3, 4]]
    amide = MolecularGraph(tuple("CCNCOH"), ((0, 1), (1, 2), (2, 3), (1, 4), (2, 5)))
    assert amide.rotors().tolist() == []
