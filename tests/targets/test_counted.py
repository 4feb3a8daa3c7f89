"""Proves that each configuration costs one evaluation, with or without force, and overflow is counted."""

import torch

from pita.targets.counted import CountedTarget
from pita.targets.lennard_jones import LennardJonesCluster


def test_every_configuration_counts_once_and_values_pass_through():
    target = LennardJonesCluster(5)
    counted = CountedTarget(target)
    x = torch.randn((7, 5, 3), generator=torch.Generator().manual_seed(1))
    assert torch.equal(counted.energy(x), target.energy(x))
    assert counted.n_energy_evals == 7
    energy, force = counted.energy_and_force(x[:3])
    assert torch.equal(force, target.energy_and_force(x[:3])[1])
    assert energy.shape == (3,)
    assert (counted.n_energy_evals, counted.n_nonfinite) == (10, 0)


def test_overflowing_energies_are_counted():
    counted = CountedTarget(LennardJonesCluster(5))
    x = torch.randn((4, 5, 3), generator=torch.Generator().manual_seed(2))
    x[1, 0] = x[1, 1]
    counted.energy_and_force(x)
    counted.energy(x)
    assert (counted.n_energy_evals, counted.n_nonfinite) == (8, 2)


def test_sizes_are_forwarded():
    counted = CountedTarget(LennardJonesCluster(13))
    assert (counted.n_atoms, counted.n_dof) == (13, 36)
