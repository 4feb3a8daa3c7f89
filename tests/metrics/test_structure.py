"""Proves which hand is counted as wrong, on a protein and by the CORN rule, and which bonds as broken."""

from pathlib import Path

import mdtraj
import numpy as np
import openmm.app
import pytest
from scipy.spatial.transform import Rotation

from pita.metrics.structure import broken_bond_fraction, signed_volumes, wrong_chirality_fraction
from tests.backbone_cases import LENGTH, TOPOLOGY, peptide

# CA, N, C, CB seen from H: CO, R, N read clockwise in L-amino acids.
CORN = np.array([[[0, 0, 0], [-0.866, -0.5, -0.333], [0, 1, -0.333], [0.866, -0.5, -0.333]]])


def test_corn_reads_clockwise_for_the_left_hand():
    assert signed_volumes(CORN, [[0, 1, 2, 3]])[0, 0] > 0.5
    assert signed_volumes(CORN * [1, 1, -1], [[0, 1, 2, 3]])[0, 0] < -0.5


def test_residues_of_a_natural_protein_are_right_and_those_of_its_mirror_image_are_not():
    protein = mdtraj.load(Path(openmm.app.__file__).parent / "data/test.pdb")
    centres = [
        [atoms[name] for name in ("CA", "N", "C", "CB")]
        for atoms in ({a.name: a.index for a in residue.atoms} for residue in protein.topology.residues)
        if {"CA", "N", "C", "CB"} <= atoms.keys()
    ]
    assert len(centres) == 33
    assert np.all(signed_volumes(protein.xyz, centres) > 0.0)
    assert wrong_chirality_fraction(protein.xyz, centres) == 0.0
    assert wrong_chirality_fraction(-protein.xyz, centres) == 1.0


def test_one_wrong_centre_makes_a_sample_wrong_and_rotation_does_not():
    turns = Rotation.random(6, rng=np.random.default_rng(1)).as_matrix()
    right = CORN @ turns + 2.0
    two = np.concatenate([right, right], axis=1)
    two[:2, 4:] *= [1, 1, -1]
    assert wrong_chirality_fraction(two, [[0, 1, 2, 3], [4, 5, 6, 7]]) == pytest.approx(2 / 6)
    assert wrong_chirality_fraction(two, [[0, 1, 2, 3]]) == 0.0


def test_the_backbone_of_the_tests_is_left_handed_at_every_angle():
    rng = np.random.default_rng(2)
    x = peptide(*rng.uniform(-np.pi, np.pi, size=(2, 100)))
    assert wrong_chirality_fraction(x, TOPOLOGY["chiral"]) == 0.0
    assert wrong_chirality_fraction(x * [1, -1, 1], TOPOLOGY["chiral"]) == 1.0


def test_stretched_and_squeezed_bonds_are_broken_beyond_the_tolerance():
    x = peptide(np.zeros(4), np.zeros(4))
    x[0, 5] += 1.5 * (x[0, 5] - x[0, 2])
    x[1, 5] -= 0.5 * (x[1, 5] - x[1, 2])
    x[2, 5] += 0.2 * (x[2, 5] - x[2, 2])
    lengths = np.full(5, LENGTH)
    fractions = [
        broken_bond_fraction(x, TOPOLOGY["bonds"], lengths, tolerance=tolerance)
        for tolerance in (0.3, 0.1, 0.05, 0.01)
    ]
    assert fractions == [0.0, 0.25, 0.5, 0.75]
    with pytest.raises(ValueError, match="with a length each"):
        broken_bond_fraction(x, TOPOLOGY["bonds"], lengths[:-1], tolerance=0.05)
    with pytest.raises(ValueError, match="chiral must have shape"):
        signed_volumes(x, [0, 1, 2, 3])
