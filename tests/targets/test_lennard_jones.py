"""Proves the Lennard-Jones energy by its literature minimum and OpenMM, its force, symmetries, overflow."""

import math

import numpy as np
import openmm
import pytest
import torch
from scipy.optimize import minimize

from pita.geometry import pair_distances, random_rotations
from pita.targets.lennard_jones import CHUNK, LennardJonesCluster

N_ATOMS = 13
LJ13_MINIMUM = -44.326801  # Wales and Doye 1997, 4 epsilon convention: a pair is one epsilon deep


@pytest.fixture
def frames() -> torch.Tensor:
    """Eight disordered configurations in float64, some with close contacts."""
    generator = torch.Generator().manual_seed(1)
    start = LennardJonesCluster(N_ATOMS).initial_lattice(8, spacing=1.1, jitter=0.12, generator=generator)
    return start.double()


def _icosahedron() -> np.ndarray:
    golden = (1 + math.sqrt(5)) / 2
    corners = [(0.0, a, b) for a in (-1, 1) for b in (-golden, golden)]
    shell = [np.roll(corner, shift) for corner in corners for shift in range(3)]
    return np.array([np.zeros(3), *shell]) / math.sqrt(1 + golden**2)


def _minimum(target: LennardJonesCluster) -> float:
    def energy_and_gradient(flat):
        energy, force = target.energy_and_force(torch.from_numpy(flat).reshape(1, N_ATOMS, 3))
        return energy.item(), -force.flatten().numpy()

    return minimize(energy_and_gradient, _icosahedron().ravel(), jac=True, tol=1e-12).fun


def test_minimum_without_trap_is_twice_the_literature_value():
    assert _minimum(LennardJonesCluster(N_ATOMS, oscillator=0.0)) == pytest.approx(2 * LJ13_MINIMUM, abs=1e-5)


def test_minimum_in_the_trap_is_minus_83_09():
    assert _minimum(LennardJonesCluster(N_ATOMS)) == pytest.approx(-83.09, abs=0.01)


def test_pair_of_particles_at_r_min_is_two_epsilon_deep():
    x = torch.tensor([[[0.0, 0, 0], [1.5, 0, 0]]], dtype=torch.float64)
    target = LennardJonesCluster(2, epsilon=3.0, r_min=1.5, oscillator=2.0)
    assert target.energy(x).item() == pytest.approx(-2 * 3.0 + 0.5 * 2.0 * 2 * 0.75**2)


def test_energy_and_force_agree_with_openmm(frames):
    epsilon, r_min, oscillator = 1.3, 0.9, 0.7
    target = LennardJonesCluster(N_ATOMS, epsilon=epsilon, r_min=r_min, oscillator=oscillator)
    energy, force = target.energy_and_force(frames)
    expected = [_openmm(x, epsilon, r_min, oscillator) for x in frames.numpy()]
    expected_energy = torch.tensor([e for e, _ in expected], dtype=torch.float64)
    torch.testing.assert_close(energy, expected_energy, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(
        force, torch.from_numpy(np.array([f for _, f in expected])), rtol=1e-8, atol=1e-7
    )


def _openmm(x: np.ndarray, epsilon: float, r_min: float, oscillator: float) -> tuple[float, np.ndarray]:
    """Energy in kJ/mol and force in kJ/mol/nm of the same formula, parsed and differentiated by OpenMM."""
    pair = openmm.CustomNonbondedForce(f"2*{epsilon}*(({r_min}/r)^12 - 2*({r_min}/r)^6)")
    trap = openmm.CustomCentroidBondForce(2, f"0.5*{oscillator}*distance(g1, g2)^2")
    system = openmm.System()
    for _ in range(N_ATOMS):
        system.addParticle(1.0)
        pair.addParticle([])
    centre = trap.addGroup(list(range(N_ATOMS)))
    for i in range(N_ATOMS):
        trap.addBond([centre, trap.addGroup([i])])
    system.addForce(pair)
    system.addForce(trap)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(x)
    state = context.getState(getEnergy=True, getForces=True)
    return state.getPotentialEnergy()._value, state.getForces(asNumpy=True)._value.astype(np.float64)


def test_force_is_minus_the_autograd_gradient_of_the_energy(frames):
    target = LennardJonesCluster(N_ATOMS, epsilon=1.3, r_min=0.9, oscillator=0.7)
    x = frames.requires_grad_()
    energy = target.energy(x)
    (gradient,) = torch.autograd.grad(energy.sum(), x)
    value, force = target.energy_and_force(x)
    torch.testing.assert_close(value, energy.detach())
    torch.testing.assert_close(force, -gradient, rtol=1e-10, atol=1e-10)


def test_force_is_minus_the_finite_difference_of_the_energy(frames):
    target, step = LennardJonesCluster(N_ATOMS), 1e-6
    direction = torch.randn(frames.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    slope = (target.energy(frames + step * direction) - target.energy(frames - step * direction)) / (2 * step)
    force = target.energy_and_force(frames)[1]
    torch.testing.assert_close(slope, -(force * direction).sum((1, 2)), rtol=1e-6, atol=1e-5)


def test_energy_is_invariant_and_force_equivariant(frames):
    target = LennardJonesCluster(N_ATOMS)
    generator = torch.Generator().manual_seed(3)
    rotation = random_rotations(len(frames), generator=generator, dtype=torch.float64)
    order = torch.randperm(N_ATOMS, generator=generator)
    shift = torch.tensor([3.0, -2.0, 1.0], dtype=torch.float64)
    energy, force = target.energy_and_force(frames)
    moved_energy, moved_force = target.energy_and_force((frames @ rotation.mT)[:, order] + shift)
    torch.testing.assert_close(moved_energy, energy)
    torch.testing.assert_close(moved_force, (force @ rotation.mT)[:, order], rtol=1e-8, atol=1e-8)


def test_float32_energy_agrees_with_float64_over_several_chunks():
    target = LennardJonesCluster(N_ATOMS)
    n = 2 * CHUNK + 3
    x = target.initial_lattice(n, spacing=1.1, jitter=0.05, generator=torch.Generator().manual_seed(4))
    energy, force = target.energy_and_force(x)
    exact_energy, exact_force = target.energy_and_force(x.double())
    torch.testing.assert_close(energy.double(), exact_energy, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(force.double(), exact_force, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("distance", [0.0, 1e-30, 1e-8, 1e-4, 5e-4, 8e-4, 2e-3, math.inf, math.nan])
def test_overlaps_and_escapes_give_no_nan(frames, distance):
    x = frames.float()
    x[0, 1] = x[0, 0] + torch.tensor([distance, 0.0, 0.0])
    target = LennardJonesCluster(N_ATOMS)
    energy, force = target.energy_and_force(x)
    assert not bool(energy.isnan().any())
    assert bool(force.isfinite().all())
    assert torch.equal(target.energy(x).isinf(), energy.isinf())
    assert energy[0].item() > 1e25
    if energy[0].isinf():
        assert bool((force[0] == 0).all())
    assert bool(energy[1:].isfinite().all())
    assert bool((force[1:].abs().amax((1, 2)) > 0).all())


def test_initial_lattice_is_mean_free_without_overlaps_and_repeats_with_the_seed():
    target = LennardJonesCluster(N_ATOMS)
    first, again, other = (
        target.initial_lattice(200, spacing=1.1, jitter=0.05, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.testing.assert_close(first.mean(1), torch.zeros(200, 3), atol=1e-6, rtol=0)
    assert pair_distances(first).min().item() > 0.7


@pytest.mark.parametrize(
    "parameters",
    [{"n_atoms": 1}, {"epsilon": 0.0}, {"r_min": -1.0}, {"oscillator": -1.0}, {"epsilon": math.nan}],
)
def test_impossible_parameters_raise_with_the_name(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        LennardJonesCluster(**({"n_atoms": N_ATOMS} | parameters))


def test_wrong_shape_raises():
    with pytest.raises(ValueError, match=r"x must have shape \(N, 13, 3\), got \(2, 39\)"):
        LennardJonesCluster(N_ATOMS).energy(torch.zeros(2, 39))
