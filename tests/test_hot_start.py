"""Proves that chains begin apart from one another, on a lattice as wide as asked or at a structure."""

import pytest
import torch

from pita.geometry import pair_distances
from pita.hot_start import CLUSTER_START, Start
from pita.targets.lennard_jones import LennardJonesCluster

TARGET = LennardJonesCluster(13)


def draw(*, spacing, jitter, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return Start(spacing=spacing, jitter=jitter).draw(TARGET, 50, generator=generator)


@pytest.mark.parametrize("spacing", [1.1, 2.9])
def test_neighbours_are_a_spacing_apart_and_the_jitter_is_that_of_a_coordinate(spacing):
    still, shaken = draw(spacing=spacing, jitter=0.0), draw(spacing=spacing, jitter=0.05)
    assert pair_distances(still).amin(1) == pytest.approx(spacing, rel=1e-5)
    assert shaken.mean(1).abs().max() < 1e-5
    # 13 atoms share one centre of mass: the jitter loses a thirteenth of its variance.
    assert (shaken - still).std().item() == pytest.approx(0.05 * (12 / 13) ** 0.5, rel=0.05)


def test_default_start_has_no_overlaps_and_random_atoms_do():
    generator = torch.Generator().manual_seed(1)
    start = CLUSTER_START.draw(TARGET, 50, generator=generator)
    random = start.std() * torch.randn(start.shape, generator=generator)
    assert TARGET.energy(start).max() < 0 < 1e3 < TARGET.energy(random).max()


def test_same_seed_repeats_and_another_differs():
    first, again, other = (draw(spacing=1.1, jitter=0.05, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


class Molecule:
    """A target with a structure and no lattice."""

    n_atoms, n_dof = 2, 3
    structure = torch.tensor([[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0]])

    def energy(self, x):
        return x.square().sum((1, 2))

    def energy_and_force(self, x):
        return self.energy(x), -2 * x

    def initial_positions(self, n, *, jitter, generator):
        return self.structure + jitter * torch.randn(n, 2, 3, generator=generator)


def test_without_a_spacing_chains_begin_at_the_structure_of_the_target():
    generator = torch.Generator().manual_seed(1)
    x = Start(jitter=0.01).draw(Molecule(), 500, generator=generator)
    assert (x - Molecule.structure).std().item() == pytest.approx(0.01, rel=0.05)
    with pytest.raises(ValueError, match="LennardJonesCluster knows no structure"):
        Start(jitter=0.01).draw(TARGET, 5, generator=generator)
