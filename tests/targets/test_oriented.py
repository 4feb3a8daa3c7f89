"""Proves that a restraint on orientation leaves shapes alone, orients as stated, and has the right force."""

import math

import pytest
import torch

from pita.geometry import pair_distances, random_rotations, remove_mean
from pita.mcmc import HmcSettings, run_hmc
from pita.orientation import rotations_near_identity, tilt
from pita.targets.counted import CountedTarget
from pita.targets.lennard_jones import LennardJonesCluster
from pita.targets.oriented import Oriented

N_ATOMS, STIFFNESS, BETA = 5, 6.0, 0.7
F64 = {"dtype": torch.float64}
CLUSTER = LennardJonesCluster(N_ATOMS)
N_CHAINS = 1000


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


REFERENCE = torch.randn((N_ATOMS, 3), generator=generator(9), **F64)
ORIENTED = Oriented(CLUSTER, REFERENCE, stiffness=STIFFNESS)


def frames(n=12, seed=1):
    g = generator(seed)
    start = CLUSTER.initial_lattice(n, spacing=1.1, jitter=0.12, generator=g).double()
    return start @ random_rotations(n, generator=g, **F64).mT


def test_energy_adds_the_tilt_of_the_rotation_applied():
    rotation = rotations_near_identity(torch.full((30,), 2.0), generator=generator(), **F64)
    x = REFERENCE @ rotation.mT + 1.0
    tilts = (3 - rotation.diagonal(dim1=1, dim2=2).sum(1)) / 2
    torch.testing.assert_close(
        ORIENTED.energy(x) - CLUSTER.energy(x), STIFFNESS * tilts, rtol=1e-7, atol=1e-7
    )
    torch.testing.assert_close(ORIENTED.energy_and_force(x)[0], ORIENTED.energy(x))


def test_force_is_minus_the_finite_difference_of_the_energy():
    x, step = frames(), 1e-6
    direction = torch.randn(x.shape, generator=generator(2), **F64)
    slope = (ORIENTED.energy(x + step * direction) - ORIENTED.energy(x - step * direction)) / (2 * step)
    force = ORIENTED.energy_and_force(x)[1]
    torch.testing.assert_close(slope, -(force * direction).sum((1, 2)), rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(force.mean(1), torch.zeros(len(x), 3, **F64), rtol=0, atol=1e-9)


def test_restraint_is_taken_off_without_an_evaluation():
    x = frames()
    counted = CountedTarget(CLUSTER)
    oriented = Oriented(counted, REFERENCE, stiffness=STIFFNESS)
    bare = oriented.without_restraint(x, *oriented.energy_and_force(x))
    assert counted.n_energy_evals == len(x)
    for values, expected in zip(bare, CLUSTER.energy_and_force(x), strict=True):
        torch.testing.assert_close(values, expected)


def test_energies_that_overflow_are_infinite_with_zero_force():
    x = frames(5)
    x[1, 0], x[2, 1], x[3, 2, 0] = x[1, 1], math.nan, math.inf
    x[4] = 0
    energy, force = ORIENTED.energy_and_force(x)
    assert energy[0].isfinite() and (energy[1:] == math.inf).all()
    assert (ORIENTED.energy(x)[1:] == math.inf).all()
    assert force[0].abs().max() > 0 and (force[1:] == 0).all()


class Molecule:
    """Atoms on springs about the distances of the reference: a soft body of its shape."""

    n_atoms, n_dof = N_ATOMS, 3 * (N_ATOMS - 1)

    def energy(self, x):
        return 10 * (pair_distances(x) - pair_distances(REFERENCE)).square().sum(1)

    def energy_and_force(self, x):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            energy = self.energy(x)
            return energy.detach(), -torch.autograd.grad(energy.sum(), x)[0]


MOLECULE = Molecule()
HELD = Oriented(MOLECULE, REFERENCE, stiffness=STIFFNESS)


def run(target, *, seed):
    """Last states of independent chains that all start at the reference."""
    settings = HmcSettings(n_moves=40, n_burn_in=20, n_leapfrog=10, step_size=0.1, thin=40)
    start = remove_mean(REFERENCE).repeat(N_CHAINS, 1, 1)
    return run_hmc(target, start, beta=BETA, settings=settings, generator=generator(seed)).state.x


def deviations(x, y):
    """Of the means of energy, shortest distance and radius between two sets of chains, in standard errors."""
    observables = torch.stack(
        [torch.stack([MOLECULE.energy(z), pair_distances(z).amin(1), z.square().sum((1, 2))]) for z in (x, y)]
    )
    difference = observables.mean(2).diff(dim=0)[0]
    return (difference / (observables.var(2).sum(0) / N_CHAINS).sqrt()).abs()


def test_shapes_are_untouched_and_orientations_follow_the_stated_density_independently():
    free, held = run(MOLECULE, seed=5), run(HELD, seed=7)
    assert deviations(free, held).max() < 4
    assert deviations(1.02 * free, held).max() > 4  # control: other shapes
    tilts = tilt(held, REFERENCE)

    def deviation(a):
        exact = rotations_near_identity(torch.full((200_000,), a), generator=generator(), **F64)
        expected = ((3 - exact.diagonal(dim1=1, dim2=2).sum(1)) / 2).mean()
        return abs((tilts.mean() - expected) / tilts.std()).item() * math.sqrt(N_CHAINS)

    assert deviation(BETA * STIFFNESS) < 4
    for wrong in (1.2 * BETA * STIFFNESS, STIFFNESS, 0.0):
        assert deviation(wrong) > 4
    correlation = torch.corrcoef(torch.stack([tilts, MOLECULE.energy(held)]))[0, 1].item()
    assert abs(correlation) * math.sqrt(N_CHAINS) < 4


class Structure:
    """A target that knows a structure, lying on its side."""

    n_atoms, n_dof = N_ATOMS, 3 * (N_ATOMS - 1)

    def initial_positions(self, n, *, jitter, generator):
        x = REFERENCE.roll(1, dims=1) + jitter * torch.randn((n, N_ATOMS, 3), generator=generator, **F64)
        return remove_mean(x)


def test_starts_stand_upright():
    start = Oriented(Structure(), REFERENCE, stiffness=1.0).initial_positions(
        10, jitter=0.01, generator=generator()
    )
    assert tilt(start, REFERENCE).max() < 1e-12
    assert tilt(Structure().initial_positions(10, jitter=0.01, generator=generator()), REFERENCE).min() > 1


def test_sizes_are_forwarded():
    assert (ORIENTED.n_atoms, ORIENTED.n_dof) == (N_ATOMS, 12)
    assert ORIENTED.target is CLUSTER


@pytest.mark.parametrize(
    ("reference", "stiffness", "message"),
    [
        (REFERENCE[:4], 1.0, "reference must be"),
        (REFERENCE, 0.0, "stiffness must be positive"),
        (REFERENCE, math.inf, "stiffness must be positive"),
    ],
)
def test_impossible_restraints_raise(reference, stiffness, message):
    with pytest.raises(ValueError, match=message):
        Oriented(CLUSTER, reference, stiffness=stiffness)
