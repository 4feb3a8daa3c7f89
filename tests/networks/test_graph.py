"""Proves that bonds are read as pairs, hands, planes and twins of a molecule."""

import pytest
import torch

from pita.networks.graph import MolecularGraph

GRAPH = MolecularGraph(
    elements=("C", "N", "C", "C", "H", "O"),
    bonds=((0, 1), (0, 2), (0, 3), (0, 4), (2, 5)),
)
# Propan-2-ol with one of its methyl groups fluorinated once: C0 has O1, H2, the methyl C3 and C4.
ALCOHOL = MolecularGraph(
    elements=("C", "O", "H", "C", "C", "H", "H", "H", "F", "H", "H", "H"),
    bonds=((0, 1), (0, 2), (0, 3), (0, 4), (3, 5), (3, 6), (3, 7), (4, 8), (4, 9), (4, 10), (1, 11)),
)


def test_stiff_pairs_are_one_or_two_bonds_apart():
    pairs = {tuple(pair) for pair in GRAPH.stiff_pairs().tolist()}
    bonded = {(0, 1), (0, 2), (0, 3), (0, 4), (2, 5)}
    assert pairs == bonded | {(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4), (0, 5)}


def test_planar_bonds_join_atoms_of_three_neighbours():
    bonds = ((0, 1), (0, 2), (0, 3), (1, 4), (1, 5), (5, 6), (5, 7), (5, 8))
    assert MolecularGraph(tuple("CNOCHCHHH"), bonds).planar_bonds().tolist() == [[2, 3, 4, 5]]
    assert GRAPH.planar_bonds().shape == (0, 4)


def test_tetrahedral_atoms_have_four_neighbours():
    assert GRAPH.tetrahedra().tolist() == [[1, 2, 3, 4, 0]]


def test_features_name_place_and_element():
    features = GRAPH.atom_features()
    assert features.shape == (6, 6 + 4)
    assert torch.equal(features[:, :6], torch.eye(6))
    assert torch.equal(features[0, 6:], features[2, 6:])
    assert not torch.equal(features[0, 6:], features[1, 6:])


def test_atoms_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match=r"\[0, 2\), got \(0, 2\)"):
        MolecularGraph(("C", "H"), ((0, 2),))


def test_twins_differ_in_nothing_but_their_label():
    assert ALCOHOL.twins() == {5, 6, 7, 9, 10}
    unlike = MolecularGraph((*ALCOHOL.elements[:8], "H", *ALCOHOL.elements[9:]), ALCOHOL.bonds)
    assert unlike.twins() == {3, 4, 5, 6, 7, 8, 9, 10}  # both methyl groups, now alike


def test_stereocentres_have_four_unlike_neighbours():
    assert ALCOHOL.tetrahedra()[:, 4].tolist() == [0, 3, 4]
    assert ALCOHOL.stereocentres() == [0]
    unlike = MolecularGraph((*ALCOHOL.elements[:8], "H", *ALCOHOL.elements[9:]), ALCOHOL.bonds)
    assert unlike.stereocentres() == []


def test_atoms_within_some_bonds():
    assert ALCOHOL.within(11, 1) == [1]
    assert ALCOHOL.within(11, 2) == [0, 1]
    assert ALCOHOL.within(0, 2) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
