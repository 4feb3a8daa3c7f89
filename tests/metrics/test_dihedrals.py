"""Proves sign, range and pairing of dihedral angles against hand-made cases, construction and mdtraj."""

import mdtraj
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pita.metrics.dihedrals import dihedrals, residue_pairs
from tests.backbone_cases import TOPOLOGY, peptide

QUAD = np.array([[0, 1, 2, 3]])


def four_atoms(angle):
    """A at +x of B, C above B; seen along the bond from B, +x turns clockwise to +y."""
    return np.array([[[1, 0, 0], [0, 0, 0], [0, 0, 1], [np.cos(angle), np.sin(angle), 1]]], dtype=float)


@pytest.mark.parametrize("angle", [0.0, 0.5 * np.pi, -0.5 * np.pi, 1.0, -3.0, np.pi])
def test_hand_made_angles_have_their_sign(angle):
    assert dihedrals(four_atoms(angle), QUAD)[0, 0] == pytest.approx(angle, abs=1e-12)


def test_trans_is_plus_pi_whatever_the_sign_of_zero():
    trans = np.array([[[1, 0, 0], [0, 0, 0], [0, 0, 1], [-1, 0, 1]]], dtype=float)
    assert dihedrals(trans, QUAD)[0, 0] == np.pi
    assert dihedrals(trans * [1, -1, 1], QUAD)[0, 0] == np.pi


def test_angles_of_construction_are_recovered_and_change_sign_in_the_mirror():
    rng = np.random.default_rng(1)
    phi, psi = rng.uniform(-np.pi, np.pi, size=(2, 500))
    turn = Rotation.random(500, rng=rng).as_matrix()
    x = 7.0 * peptide(phi, psi) @ turn + 3.0
    for name, angle in (("phi", phi), ("psi", psi)):
        assert dihedrals(x, TOPOLOGY[name])[:, 0] == pytest.approx(angle, abs=1e-9)
        assert dihedrals(-x, TOPOLOGY[name])[:, 0] == pytest.approx(-angle, abs=1e-9)


def test_reading_the_chain_backwards_keeps_the_angle_and_swapping_the_middle_does_not():
    x = np.random.default_rng(2).normal(size=(50, 4, 3))
    angle = dihedrals(x, QUAD)
    assert dihedrals(x, QUAD[:, ::-1]) == pytest.approx(angle)
    assert np.abs(dihedrals(x, [[0, 2, 1, 3]]) - angle).max() > 0.5


def test_angles_equal_mdtraj():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 8, 3)).astype(np.float32)
    quads = np.array([rng.choice(8, size=4, replace=False) for _ in range(30)])
    topology = mdtraj.Topology()
    residue = topology.add_residue("X", topology.add_chain())
    for _ in range(8):
        topology.add_atom("C", mdtraj.element.carbon, residue)
    found = mdtraj.compute_dihedrals(mdtraj.Trajectory(x, topology), quads, periodic=False)
    difference = np.remainder(dihedrals(x, quads) - found + np.pi, 2 * np.pi) - np.pi
    assert np.abs(difference).max() < 1e-3  # mdtraj computes in float32
    assert np.median(np.abs(difference)) < 1e-6


def test_an_uncapped_chain_pairs_by_residue_and_not_by_position():
    # N CA C of three residues: phi of residues 2 and 3, psi of residues 1 and 2
    phi, psi = [[2, 3, 4, 5], [5, 6, 7, 8]], [[0, 1, 2, 3], [3, 4, 5, 6]]
    assert residue_pairs(phi, psi).tolist() == [[0, 1]]
    assert residue_pairs(TOPOLOGY["phi"], TOPOLOGY["psi"]).tolist() == [[0, 0]]


@pytest.mark.parametrize("quads", [[0, 1, 2, 3], [[0, 1, 2]]])
def test_wrong_quadruples_raise(quads):
    with pytest.raises(ValueError, match="quads must have shape"):
        dihedrals(np.zeros((1, 4, 3)), quads)
