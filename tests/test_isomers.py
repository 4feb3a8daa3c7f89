"""Proves that isomers are told apart however they are turned, and by nothing but hands and planar bonds."""

import pytest
import torch

from pita.geometry import random_rotations
from pita.isomers import Isomers
from pita.networks.graph import MolecularGraph

# A tetrahedral atom 0 with neighbours 1 to 4; 4 and 5 are planar, with others 0, 6 and 7, 8.
BONDS = ((0, 1), (0, 2), (0, 3), (0, 4), (4, 5), (4, 6), (5, 7), (5, 8))
STRUCTURE = torch.tensor(
    [
        *[[0.0, 0, 0], [-0.6, 0.9, 0], [-0.5, -0.5, 0.8], [-0.5, -0.5, -0.8], [1.2, 0, 0]],
        *[[1.9, 1.1, 0], [1.9, -1.1, 0.1], [1.3, 2.1, 0], [3.0, 1.1, 0]],
    ],
    dtype=torch.float64,
)


@pytest.fixture
def isomers():
    return Isomers(MolecularGraph(tuple("CHHHCNOHH"), BONDS), STRUCTURE)


def test_a_turned_and_jittered_structure_is_the_same_isomer(isomers):
    g = torch.Generator().manual_seed(1)
    x = STRUCTURE + 0.05 * torch.randn(200, 9, 3, generator=g, dtype=torch.float64)
    x = x @ random_rotations(200, generator=g, dtype=torch.float64).mT + 5.0
    assert isomers.same(x).all()
    assert isomers.same(x.float()).all()


@pytest.mark.parametrize("exchanged", [(1, 2), (7, 8)])
def test_another_hand_or_a_turned_planar_bond_is_another_isomer(isomers, exchanged):
    first, second = exchanged
    x = STRUCTURE.clone()
    x[[first, second]] = STRUCTURE[[second, first]]
    assert not isomers.same(x[None])[0]


def test_a_mirror_image_is_another_isomer_and_a_turn_about_a_single_bond_is_not(isomers):
    assert not isomers.same((STRUCTURE * torch.tensor([1.0, 1.0, -1.0]))[None])[0]
    about_x = torch.tensor([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]], dtype=torch.float64)
    x = STRUCTURE.clone()
    x[1:4] = x[1:4] @ about_x
    assert isomers.same(x[None])[0]
