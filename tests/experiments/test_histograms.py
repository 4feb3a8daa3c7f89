"""Proves that stored histograms are densities on common bins and that maps hold every sample once."""

import numpy as np
import pytest

from experiments import histograms
from experiments.histograms import angle_maps, densities, filled_bins, plane_edges, residue_labels


def test_densities_of_both_sets_integrate_to_what_lies_within_the_bins():
    rng = np.random.default_rng(1)
    reference, ours = rng.normal(size=20_000), rng.normal(1.0, 1.0, size=20_000)
    stored = densities("energy", ours, reference)
    edges = np.array(stored["energy_edges"])
    assert edges[[0, -1]] == pytest.approx(np.quantile(reference, histograms.RANGE))
    for name, values in (("energy_density", ours), ("energy_density_reference", reference)):
        inside = np.mean((values >= edges[0]) & (values <= edges[-1]))
        assert np.sum(stored[name] * np.diff(edges)) == pytest.approx(inside)


def test_a_margin_widens_both_ends_and_shows_what_would_be_outside():
    reference, ours = np.linspace(0.0, 1.0, 1001), np.full(10, 1.2)
    assert sum(densities("e", ours, reference)["e_density"]) == 0
    stored = densities("e", ours, reference, margin=0.25)
    assert sum(stored["e_density"]) > 0
    assert stored["e_edges"][0] == pytest.approx(-0.25, abs=0.01)
    assert stored["e_edges"][-1] == pytest.approx(1.25, abs=0.01)


def test_phi_is_the_first_index_and_psi_the_second():
    (stored,) = angle_maps(np.deg2rad([[[-75.0, 155.0]], [[-71.0, 151.0]], [[55.0, -180.0]]]))
    assert stored == {"i": [10, 23], "j": [33, 0], "count": [2, 1]}


def test_every_angle_is_in_a_bin_and_every_residue_has_its_map():
    rama = np.random.default_rng(1).uniform(-np.pi, np.pi, size=(500, 2, 2))
    rama[0] = np.pi
    rama[1] = -np.pi
    assert [sum(stored["count"]) for stored in angle_maps(rama)] == [500, 500]


def test_a_point_outside_the_plane_is_in_no_bin():
    points = np.random.default_rng(1).normal(size=(200, 2))
    edges = plane_edges(points)
    assert sum(filled_bins(points, edges)["count"]) == 200
    assert sum(filled_bins(points + [10.0, 0.0], edges)["count"]) == 0


def test_an_uncapped_end_has_no_label():
    """Backbone N CA C of three residues: the first has no phi and the last no psi."""
    topology = {
        "phi": np.array([[2, 3, 4, 5], [5, 6, 7, 8]]),
        "psi": np.array([[0, 1, 2, 3], [3, 4, 5, 6]]),
        "residue_names": np.repeat(["GLY", "ALA", "VAL"], 3),
        "residue_index": np.repeat([0, 1, 2], 3),
    }
    assert residue_labels(topology) == ["ALA 2"]
