"""Proves that relaxation finds the known minima of small Lennard-Jones clusters and only goes downhill."""

import math

import torch

from pita.targets.lennard_jones import LennardJonesCluster
from pita.targets.quench import quench

SETTINGS = {"n_steps": 800, "dt": 0.01, "largest_dt": 0.05}


def icosahedron():
    """Thirteen atoms, the first in the centre, the others at distance 0.96; (1, 13, 3)."""
    golden = (1 + math.sqrt(5)) / 2
    faces = [(0.0, a, b * golden) for a in (1, -1) for b in (1, -1)]
    vertices = [v[i:] + v[:i] for v in faces for i in range(3)]
    return (
        0.96 * torch.tensor([(0.0, 0.0, 0.0), *vertices], dtype=torch.float64)[None] / math.hypot(1, golden)
    )


def test_thirteen_atoms_relax_to_the_published_global_minimum():
    target = LennardJonesCluster(13, oscillator=0.0)
    noise = torch.randn((20, 13, 3), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    start = icosahedron() + 0.03 * noise
    minima, force = quench(target, start, **SETTINGS)
    # -44.326801 pair depths (Hoare and Pal, Adv. Phys. 20, 161, 1971); a pair is 2 deep here
    torch.testing.assert_close(
        target.energy(minima), torch.full((20,), -88.653602, dtype=torch.float64), atol=2e-4, rtol=0
    )
    assert force.max() < 0.1
    assert (target.energy(start) > -88.6).all()  # the start alone would fail


def test_lattice_starts_end_in_minima_below_them():
    target = LennardJonesCluster(13)
    start = target.initial_lattice(
        20, spacing=1.3, jitter=0.1, generator=torch.Generator().manual_seed(2)
    ).double()
    minima, force = quench(target, start, **SETTINGS)
    assert (target.energy(minima) < target.energy(start) - 10).all()
    assert force.median() < 0.1 < target.energy_and_force(start)[1].abs().amax((1, 2)).median()
