"""Peptides from the names of their residues: structure, topology and AMBER14 + OBC1 force field, by OpenMM.

The force field of PITA's peptides: amber14-all.xml with implicit/obc1.xml, cutoff 2 nm, no constraints.
"""

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import openmm
from openmm import Vec3, app, unit

from pita.residues import CAPS, SIDE_CHAINS, build_heavy_atoms
from pita.system_arrays import Arrays, force_field_arrays

FORCE_FIELD = ("amber14-all.xml", "implicit/obc1.xml")
CUTOFF = 2.0  # nm
LARGEST_N_ATOMS = 128  # arrays of all pairs grow with its square
TOLERANCE = 0.01  # kJ/mol/nm, root mean square force where minimisation stops


@dataclass(frozen=True)
class Peptide:
    """A peptide as OpenMM knows it; positions (n_atoms, 3) in nm, minimised and mean-free."""

    topology: app.Topology
    system: openmm.System
    positions: np.ndarray


def peptide_arrays(residues: Sequence[str]) -> tuple[Arrays, str]:
    """Return all arrays of a peptide, its topology and its force field (prefix ``ff_``), and its PDB text."""
    peptide = build_peptide(residues)
    arrays = topology_arrays(peptide.topology, peptide.positions) | force_field_arrays(peptide.system)
    return arrays, pdb_text(peptide)


def build_peptide(residues: Sequence[str]) -> Peptide:
    """Build an L-peptide, extended, with charged ends where it has no cap, and minimise its energy."""
    _check_residues(residues)
    force_field = app.ForceField(*FORCE_FIELD)
    modeller = _without_hydrogens(tuple(residues))
    _add_hydrogens(modeller, force_field)
    if (n_atoms := modeller.topology.getNumAtoms()) > LARGEST_N_ATOMS:
        raise ValueError(f"{' '.join(residues)}: has {n_atoms} atoms, more than {LARGEST_N_ATOMS}")
    system = force_field.createSystem(
        modeller.topology,
        nonbondedMethod=app.CutoffNonPeriodic,
        nonbondedCutoff=CUTOFF * unit.nanometer,
        constraints=None,
    )
    if (extent := largest_extent(force_field_arrays(system))) > CUTOFF:
        raise ValueError(f"{' '.join(residues)}: stretches to {extent:.2f} nm, beyond the cutoff {CUTOFF} nm")
    positions = _minimised(system, modeller.positions)
    _check_handedness(topology_arrays(modeller.topology, positions))
    return Peptide(modeller.topology, system, positions)


def largest_extent(arrays: Arrays) -> float:
    """Return the largest distance, nm, that two atoms can have with all bonds and angles at rest.

    No path of bonds is longer when stretched than its shortest way over distances of bonded atoms and of
    atoms that share an angle.
    """
    n_atoms = len(arrays["ff_charge"])
    distance = np.full((n_atoms, n_atoms), np.inf)
    np.fill_diagonal(distance, 0.0)
    first, second = arrays["ff_bonds"].T
    distance[first, second] = distance[second, first] = arrays["ff_bond_rest"]
    first, middle, last = arrays["ff_angles"].T
    a, b = distance[first, middle], distance[middle, last]
    opposite = np.sqrt(a**2 + b**2 - 2 * a * b * np.cos(arrays["ff_angle_rest"]))
    distance[first, last] = distance[last, first] = opposite
    for middle in range(n_atoms):  # Floyd and Warshall
        distance = np.minimum(distance, distance[:, middle, None] + distance[middle])
    return float(distance.max())


def topology_arrays(topology: app.Topology, positions: np.ndarray) -> Arrays:
    """Return what describes the molecule, n atoms in the order of the PDB file.

    ``positions (n, 3)`` nm; ``elements``, ``atom_names``, ``residue_names``, ``residue_index (n,)``;
    ``bonds (., 2)``; ``phi``, ``psi``, ``omega (., 4)`` of IUPAC along the chain; ``chiral (., 4)``: a centre
    c and three of its neighbours, (r_1 - r_c) . [(r_2 - r_c) x (r_3 - r_c)] > 0 in an L-peptide.
    """
    atoms = list(topology.atoms())
    chain = [{atom.name: atom.index for atom in residue.atoms()} for residue in topology.residues()]
    pairs = list(zip(chain, chain[1:], strict=False))
    phi = [(a["C"], b["N"], b["CA"], b["C"]) for a, b in pairs if "CA" in b]
    psi = [(a["N"], a["CA"], a["C"], b["N"]) for a, b in pairs if "CA" in a]
    omega = [(a["CA"], a["C"], b["N"], b["CA"]) for a, b in pairs if "CA" in a and "CA" in b]
    return {
        "positions": positions,
        "elements": np.array([atom.element.symbol for atom in atoms]),
        "atom_names": np.array([atom.name for atom in atoms]),
        "residue_names": np.array([atom.residue.name for atom in atoms]),
        "residue_index": np.array([atom.residue.index for atom in atoms], dtype=np.int64),
        "bonds": _indices(sorted(sorted((a.index, b.index)) for a, b in topology.bonds()), 2),
        "phi": _indices(phi, 4),
        "psi": _indices(psi, 4),
        "omega": _indices(omega, 4),
        "chiral": _indices([centre for residue in chain for centre in _stereocentres(residue)], 4),
    }


def pdb_text(peptide: Peptide) -> str:
    """Return the structure as a PDB file, without the date OpenMM would write."""
    file = io.StringIO()
    app.PDBFile.writeModel(peptide.topology, peptide.positions * unit.nanometer, file)
    app.PDBFile.writeFooter(peptide.topology, file)
    return file.getvalue()


def _check_residues(residues: Sequence[str]) -> None:
    for i, name in enumerate(residues):
        if name not in SIDE_CHAINS and name not in CAPS:
            raise ValueError(f"unknown residue {name!r}; known: {', '.join((*SIDE_CHAINS, *CAPS))}")
        if (name == "ACE" and i > 0) or (name == "NME" and i < len(residues) - 1):
            raise ValueError(f"{name} caps one end of the chain, got {' '.join(residues)}")
    if len(residues) < 2 or set(residues) <= set(CAPS):
        raise ValueError(f"a peptide needs two residues, one of them no cap, got {' '.join(residues)!r}")


def _without_hydrogens(residues: tuple[str, ...]) -> app.Modeller:
    topology, positions = app.Topology(), []
    chain = topology.addChain()
    for name, atoms in zip(residues, build_heavy_atoms(residues), strict=True):
        residue = topology.addResidue(name, chain)
        for atom, position in atoms.items():
            topology.addAtom(atom, app.Element.getBySymbol(atom[0]), residue)
            positions.append(Vec3(*map(float, position)))
    topology.createStandardBonds()
    return app.Modeller(topology, positions * unit.nanometer)


def _add_hydrogens(modeller: app.Modeller, force_field: app.ForceField) -> None:
    """Add hydrogens as at pH 7; OpenMM starts them at random places drawn from Python's own generator."""
    state = random.getstate()
    random.seed(1)
    try:
        modeller.addHydrogens(force_field, pH=7.0, platform=_reference_platform())
    finally:
        random.setstate(state)


def _minimised(system: openmm.System, positions: unit.Quantity) -> np.ndarray:
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), _reference_platform())
    context.setPositions(positions)
    openmm.LocalEnergyMinimizer.minimize(context, tolerance=TOLERANCE)
    minimum = context.getState(getPositions=True).getPositions(asNumpy=True)._value
    return np.array(minimum - minimum.mean(0))


def _check_handedness(arrays: Arrays) -> None:
    centre, first, second, third = (arrays["positions"][i] for i in arrays["chiral"].T)
    volume = ((first - centre) * np.cross(second - centre, third - centre)).sum(-1)
    for i in arrays["chiral"][volume <= 0, 0]:
        where = f"{arrays['residue_names'][i]} {arrays['residue_index'][i]}"
        raise ValueError(f"{where}: {arrays['atom_names'][i]} has the wrong hand")


def _stereocentres(residue: dict[str, int]) -> list[tuple[int, ...]]:
    """Return the alpha carbon, unless of glycine, and the beta carbons of threonine and isoleucine."""
    names = [("CA", "N", "C", "CB"), ("CB", "CA", "OG1", "CG2")]
    if "CD1" in residue and "CG2" in residue:
        names.append(("CB", "CA", "CG1", "CG2"))  # in valine both are methyl groups
    return [tuple(residue[name] for name in four) for four in names if residue.keys() >= set(four)]


def _reference_platform() -> openmm.Platform:
    return openmm.Platform.getPlatformByName("Reference")


def _indices(rows: list, width: int) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape(-1, width)
