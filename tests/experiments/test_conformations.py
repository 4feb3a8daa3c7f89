"""Proves that drawn conformations are chosen as stated and superposed without change of shape or hand."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from experiments.conformations import N_CONFORMATIONS, basins_of, chosen, conformations, superposed, view
from pita.metrics.structure import signed_volumes
from tests.backbone_cases import TOPOLOGY, peptide

NAMED = TOPOLOGY | {
    "residue_names": np.array(["ACE", *["ALA"] * 5]),
    "residue_index": np.array([0, *[1] * 5]),
}
ATOMS = np.arange(5)


def test_basins_are_where_the_module_says_and_share_everything():
    angles = np.deg2rad([[-80, 150], [-80, -170], [-80, 60], [-80, 61], [-80, -121], [-80, 0], [60, 0]])
    found = basins_of(angles)
    assert {name: np.flatnonzero(inside).tolist() for name, inside in found.items()} == {
        "beta": [0, 1, 3, 4],
        "alpha": [2, 5],
        "left-handed": [6],
    }
    assert (np.sum(list(found.values()), axis=0) == 1).all()


def test_the_first_is_nearest_to_the_circular_mean_also_across_the_border():
    """Psi on both sides of 180 degrees: their arithmetic mean is 0, where none of them lies."""
    angles = np.deg2rad([[-80.0, 170.0], [-80.0, 179.0], [-80.0, -170.0], [-80.0, 150.0], [-80.0, -150.0]])
    assert chosen(angles, np.arange(5))[0] == 1


@pytest.mark.parametrize("n", [1, 2, 3, N_CONFORMATIONS, 50])
def test_others_are_members_and_none_is_shown_twice(n):
    members = 3 * np.arange(n) + 1
    angles = np.random.default_rng(1).uniform(-1, 1, size=(3 * n + 1, 2))
    shown = chosen(angles, members)
    assert len(set(shown)) == len(shown) == min(n, N_CONFORMATIONS) and set(shown) <= set(members)


def test_turned_copies_lie_on_one_another_and_a_mirror_image_does_not():
    one = peptide(np.array([-1.4]), np.array([2.5]))
    turns = Rotation.random(4, rng=np.random.default_rng(1)).as_matrix()
    copies = np.einsum("nij,aj->nai", turns, one[0]) + np.arange(4)[:, None, None]
    laid = superposed(copies, ATOMS)
    assert np.abs(laid - laid[0]).max() < 1e-12
    mirrored = superposed(np.stack([one[0], -one[0]]), np.arange(6))
    assert np.abs(mirrored[1] - mirrored[0]).max() > 0.05


def test_the_view_keeps_distances_and_hand_with_the_first_atom_on_the_left():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = peptide(rng.uniform(-3, 3, 1), rng.uniform(-3, 3, 1))
        turn = Rotation.random(rng=rng).as_matrix()
        seen = superposed(x @ turn.T, ATOMS)
        assert pdist(seen[0]) == pytest.approx(pdist(x[0]))
        assert signed_volumes(seen, NAMED["chiral"]) == pytest.approx(signed_volumes(x, NAMED["chiral"]))
        assert seen[0, 0, 0] < seen[0, 4, 0]
        assert np.linalg.det(view(seen[0, ATOMS])) == pytest.approx(1.0)
        spread = seen[0, ATOMS].std(axis=0)
        assert spread[0] >= spread[1] >= spread[2]


def test_an_empty_basin_is_left_out_and_the_shares_are_those_of_all_samples():
    phi = np.concatenate([np.full(30, -1.4), np.full(10, 1.0)]) + 0.1 * np.random.default_rng(1).normal(
        size=40
    )
    x = peptide(phi, np.full(40, 2.5)).astype(np.float32)
    stored = conformations(x, NAMED)
    assert {entry["basin"]: entry["fraction"] for entry in stored["basins"]} == {
        "beta": 0.75,
        "left-handed": 0.25,
    }
    assert all(np.shape(entry["x"]) == (N_CONFORMATIONS, 6, 3) for entry in stored["basins"])
    assert stored["residue"] == "ALA 2"
