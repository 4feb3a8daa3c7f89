"""Peptides that several tests build, and OpenMM's own energies and forces of them."""

import copy
import functools

import numpy as np
import openmm

from pita.peptide import Peptide, build_peptide

PEPTIDES = {
    "aldp": ("ACE", "ALA", "NME"),
    "al3": ("ALA", "ALA", "ALA"),
    "al3capped": ("ACE", "ALA", "ALA", "ALA", "NME"),
    "gsa": ("GLY", "SER", "ALA"),
    "avg": ("ALA", "VAL", "GLY"),
}
TERMS = ("bonds", "torsions", "nonbonded", "angles", "generalized_born")
KINDS = {
    "HarmonicBondForce": "bonds",
    "HarmonicAngleForce": "angles",
    "PeriodicTorsionForce": "torsions",
    "NonbondedForce": "nonbonded",
}


@functools.cache
def peptide(name: str) -> Peptide:
    return build_peptide(PEPTIDES[name])


@functools.cache
def context(name: str, *, temperature: float = 300.0) -> openmm.Context:
    """Reference platform, one force group a term, Langevin dynamics of 1 fs."""
    system = copy.deepcopy(peptide(name).system)
    for force in system.getForces():
        term = KINDS.get(type(force).__name__, "generalized_born")
        force.setForceGroup(31 if isinstance(force, openmm.CMMotionRemover) else TERMS.index(term))
    integrator = openmm.LangevinMiddleIntegrator(temperature, 1.0, 0.001)
    integrator.setRandomNumberSeed(1)
    return openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))


def openmm_energy_and_force(name: str, x: np.ndarray, term: str | None = None) -> tuple[float, np.ndarray]:
    """Return the energy, kJ/mol, and the force (n_atoms, 3), kJ/mol/nm, of all terms or of one; x in nm."""
    where = context(name)
    where.setPositions(x)
    groups = -1 if term is None else {TERMS.index(term)}
    state = where.getState(getEnergy=True, getForces=True, groups=groups)
    return state.getPotentialEnergy()._value, np.array(state.getForces(asNumpy=True)._value)


def trajectory(name: str, *, temperature: float, n_frames: int, n_steps: int) -> np.ndarray:
    """Frames (n_frames, n_atoms, 3), nm, of a short run from the minimum, `n_steps` apart."""
    where = context(name, temperature=temperature)
    where.setPositions(peptide(name).positions)
    where.setVelocitiesToTemperature(temperature, 1)
    frames = []
    for _ in range(n_frames):
        where.getIntegrator().step(n_steps)
        frames.append(np.array(where.getState(getPositions=True).getPositions(asNumpy=True)._value))
    return np.array(frames)
