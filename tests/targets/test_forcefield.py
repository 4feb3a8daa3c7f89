"""Proves the batched force field against OpenMM's Reference platform, term by term, and free of NaN."""

import functools
import math

import numpy as np
import pytest
import torch

from pita.system_arrays import force_field_arrays
from pita.targets import forcefield
from pita.targets.forcefield import ForceField
from tests.peptide_cases import PEPTIDES, TERMS, openmm_energy_and_force, peptide, trajectory

ENERGY, FORCE = 1e-4, 1e-3  # agreement with OpenMM, kJ/mol and kJ/mol/nm


@functools.cache
def arrays(name: str) -> dict[str, np.ndarray]:
    return force_field_arrays(peptide(name).system) | {"positions": peptide(name).positions}


def eager(name: str) -> ForceField:
    return ForceField(arrays(name), compiled=False)


@functools.cache
def frames(name: str) -> np.ndarray:
    """Hot, cold, strained, stretched beyond the cutoff and clashing conformations (n, n_atoms, 3), nm."""
    rng = np.random.default_rng(1)
    minimum = peptide(name).positions
    cold = minimum + 0.002 * rng.standard_normal((2, *minimum.shape))
    strained = minimum + 0.03 * rng.standard_normal((2, *minimum.shape))
    clashing = minimum + 0.05 * rng.standard_normal((3, *minimum.shape))
    clashing[0, -1] = clashing[0, 0] + (0.03, 0.0, 0.0)  # not bonded
    clashing[1, 9] = clashing[1, 4] + (0.0, 0.004, 0.0)  # one atom inside another, as s - r > o sees it
    clashing[2, 2] = clashing[2, 1] + (0.0, 0.0, 0.01)
    hot = trajectory(name, temperature=1200.0, n_frames=4, n_steps=100)
    return np.concatenate([hot, cold, strained, clashing, 3.0 * cold])


def expected(name: str, term: str | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    pairs = [openmm_energy_and_force(name, x, term) for x in frames(name)]
    return torch.tensor([e for e, _ in pairs], dtype=torch.float64), torch.from_numpy(
        np.array([f for _, f in pairs])
    )


def without(name: str, term: str) -> ForceField:
    """The force field with the parameters of a term set to zero."""
    changed = dict(arrays(name))
    zeroed = {
        "bonds": ("ff_bond_stiffness",),
        "angles": ("ff_angle_stiffness",),
        "torsions": ("ff_torsion_stiffness",),
        "nonbonded": ("ff_charge", "ff_epsilon", "ff_exception_charge", "ff_exception_epsilon"),
    }
    for key in zeroed[term]:
        changed[key] = np.zeros_like(changed[key])
    return ForceField(changed, compiled=False)


@pytest.mark.parametrize("name", PEPTIDES)
def test_energy_and_force_agree_with_openmm(name):
    energy, force = eager(name).energy_and_force(torch.from_numpy(frames(name)))
    openmm_energy, openmm_force = expected(name)
    torch.testing.assert_close(energy, openmm_energy, atol=ENERGY, rtol=1e-11)
    torch.testing.assert_close(force, openmm_force, atol=FORCE, rtol=1e-10)
    assert float(openmm_energy.max()) > 1e6  # kJ/mol, some atoms clash
    assert np.linalg.norm(np.ptp(frames(name)[-1], axis=0)) > 2.0  # nm, some pairs are beyond the cutoff


@pytest.mark.parametrize("name", PEPTIDES)
def test_every_term_agrees_with_openmm_alone(name):
    x, target = torch.from_numpy(frames(name)), eager(name)
    terms, all_force = target.term_energies(x), target.energy_and_force(x)[1]
    assert set(terms) == set(TERMS)
    for term in TERMS:
        energy, force = expected(name, term)
        torch.testing.assert_close(terms[term], energy, atol=ENERGY, rtol=1e-11)
        if term != "generalized_born":
            rest = without(name, term).energy_and_force(x)[1]
            wrong = (all_force - rest - force).abs().amax((1, 2))
            rounding = 1e-13 * all_force.abs().amax((1, 2))  # forces of a clash reach 1e13
            assert bool((wrong < FORCE + rounding).all())


def changes() -> dict[str, dict[str, np.ndarray]]:
    """The arrays of a peptide, each time with one parameter slightly wrong."""
    right = arrays("al3")
    pair = right["ff_exception_charge"].nonzero()[0][:1]
    dropped = {k: np.delete(v, pair, axis=0) for k, v in right.items() if k.startswith("ff_exception")}
    wrong = {"a dropped exception": right | dropped}
    for key, factor in {
        "ff_bond_rest": 1.001,
        "ff_angle_stiffness": 1.001,
        "ff_torsion_phase": 1.01,
        "ff_charge": 1.001,
        "ff_sigma": 1.001,
        "ff_exception_epsilon": 1.001,
        "ff_born_charge": 1.001,
        "ff_offset_radius": 1.001,
        "ff_scaled_radius": 1.001,
        "ff_cutoff": 1.001,
        "ff_born_cutoff": 1.001,
    }.items():
        wrong[key] = right | {key: right[key] * factor}
    return wrong


@pytest.mark.parametrize("change", changes())
def test_wrong_parameter_is_seen(change):
    energy = ForceField(changes()[change], compiled=False).energy(torch.from_numpy(frames("al3")))
    assert float((energy - expected("al3")[0]).abs().max()) > 100 * ENERGY


@pytest.mark.parametrize("name", PEPTIDES)
def test_float32_agrees_with_float64(name):
    usual = torch.from_numpy(frames(name)[:8])
    scale = sum(energy.abs() for energy in eager(name).term_energies(usual).values())
    exact_energy, exact_force = eager(name).energy_and_force(usual)
    energy, force = eager(name).energy_and_force(usual.float())
    assert energy.dtype == force.dtype == torch.float32
    assert float(((energy - exact_energy).abs() / scale).max()) < 1e-5
    largest = exact_force.abs().amax((1, 2), keepdim=True)
    assert float(((force - exact_force).abs() / largest).max()) < 1e-4


def test_force_is_minus_the_finite_difference_of_the_energy():
    x, step = torch.from_numpy(frames("aldp")[:8]), 1e-6
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    target = eager("aldp")
    slope = (target.energy(x + step * direction) - target.energy(x - step * direction)) / (2 * step)
    force = target.energy_and_force(x)[1]
    torch.testing.assert_close(slope, -(force * direction).sum((1, 2)), rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 63, 80, 81, 256, 337])
def test_every_size_of_a_batch_gives_the_same_energies(n):
    target = eager("aldp")
    x = target.initial_positions(337, jitter=0.01, generator=torch.Generator().manual_seed(3))
    energy, force = target.energy_and_force(x[:n])
    assert (energy.shape, force.shape) == ((n,), (n, 22, 3))
    whole_energy, whole_force = target.energy_and_force(x)
    torch.testing.assert_close(energy, whole_energy[:n], atol=1e-2, rtol=1e-5)
    torch.testing.assert_close(force, whole_force[:n], atol=1e-1, rtol=1e-4)


def test_batches_come_in_few_shapes(monkeypatch):
    seen = set()

    def run(x, _):
        seen.add(tuple(x.shape))
        return torch.zeros(x.shape[2]), torch.zeros_like(x)

    target = eager("aldp")
    monkeypatch.setattr(target, "_fast", run)
    for n in (1, 7, 16, 30, 64, 100, 255, 256, 500, 1000):
        target.energy_and_force(torch.zeros(n, 22, 3))
    assert seen == {(3, 22, size) for size in forcefield.CHUNKS["cpu"]}


@pytest.mark.parametrize(
    "distance", [0.0, 1e-30, 1e-12, 1e-8, 1e-6, 1e-4, 1e-3, 1e-2, 1e10, math.inf, math.nan]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("pair", [(0, 21), (4, 6)])  # far apart and bonded
def test_overlaps_and_escapes_give_no_nan(distance, dtype, pair):
    x = torch.from_numpy(frames("aldp")[:4]).to(dtype)
    x[0, pair[1]] = x[0, pair[0]] + torch.tensor([distance, 0.0, 0.0], dtype=dtype)
    energy, force = eager("aldp").energy_and_force(x)
    assert not bool(energy.isnan().any())
    assert bool(force.isfinite().all())
    assert float(energy[0]) > 1e3
    if energy[0].isinf():
        assert bool((force[0] == 0).all())
    assert bool(energy[1:].isfinite().all())
    assert bool((force[1:].abs().amax((1, 2)) > 0).all())


def test_atoms_in_a_line_give_no_nan():
    x = torch.zeros(1, 22, 3)
    x[0, :, 0] = 0.1 * torch.arange(22)
    energy, force = eager("aldp").energy_and_force(x)
    assert not bool(energy.isnan().any())
    assert bool((force == 0).all())


def test_initial_positions_are_the_jittered_minimum_and_repeat_with_the_seed():
    target = eager("aldp")
    first, again, other = (
        target.initial_positions(500, jitter=0.01, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert first.dtype == torch.float32
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.testing.assert_close(first.mean(1), torch.zeros(500, 3), atol=1e-6, rtol=0)
    away = first - torch.from_numpy(peptide("aldp").positions).float()
    assert float(away.std()) == pytest.approx(0.01 * math.sqrt(21 / 22), rel=0.02)


def test_wrong_shape_raises():
    with pytest.raises(ValueError, match=r"x must have shape \(N, 22, 3\), got \(2, 66\)"):
        eager("aldp").energy(torch.zeros(2, 66))


@pytest.mark.slow
@pytest.mark.timeout(600)  # a compiler at work
def test_compiled_agrees_with_eager():
    target = eager("aldp")
    x = target.initial_positions(40, jitter=0.01, generator=torch.Generator().manual_seed(4))
    energy, force = ForceField(arrays("aldp")).energy_and_force(x)
    exact_energy, exact_force = target.energy_and_force(x.double())
    torch.testing.assert_close(energy.double(), exact_energy, atol=1e-2, rtol=1e-5)
    torch.testing.assert_close(force.double(), exact_force, atol=0.1, rtol=1e-4)
