"""Proves that peptides are built whole, L-handed and repeatably, and that the rest is refused by name."""

import copy
import random

import mdtraj
import numpy as np
import openmm
import pytest
from openmm import app, unit

from pita import peptide as module
from pita import residues
from pita.peptide import build_peptide, largest_extent, pdb_text, peptide_arrays, topology_arrays
from pita.residues import SIDE_CHAINS, build_heavy_atoms, place
from pita.system_arrays import force_field_arrays
from tests.peptide_cases import PEPTIDES, openmm_energy_and_force, peptide

MINIMA = {"aldp": -160.75, "al3": -515.05}  # kJ/mol, extended, phi -150 and psi 160 degrees
# Every amino acid once, as the first, a middle and the last residue, with and without caps.
CHAINS = (
    ("ALA", "ARG", "ASN"),
    ("ASP", "CYS", "GLN"),
    ("GLU", "GLY", "HIS"),
    ("ACE", "ILE", "LEU", "NME"),
    ("LYS", "MET", "NME"),
    ("ACE", "PHE", "PRO"),
    ("SER", "THR", "TRP"),
    ("PRO", "TYR", "VAL"),
)


@pytest.fixture
def loose(monkeypatch):
    """Minimise less far, in a fraction of the time."""
    monkeypatch.setattr(module, "TOLERANCE", 10.0)


def topology(name: str) -> dict[str, np.ndarray]:
    return topology_arrays(peptide(name).topology, peptide(name).positions)


def dihedral(x: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Angles (n,) in degrees of atom quadruples (n, 4) in x (n_atoms, 3)."""
    a, b, c = (x[atoms[:, i + 1]] - x[atoms[:, i]] for i in range(3))
    first, second = np.cross(a, b), np.cross(b, c)
    sine = (np.cross(first, second) * b).sum(-1) / np.linalg.norm(b, axis=-1)
    return np.degrees(np.arctan2(sine, (first * second).sum(-1)))


@pytest.mark.parametrize("name", MINIMA)
def test_energy_of_the_minimum(name):
    energy, force = openmm_energy_and_force(name, peptide(name).positions)
    assert energy == pytest.approx(MINIMA[name], abs=0.01)
    assert np.abs(force).max() < 0.2


def test_chains_cover_all_residues():
    assert {name for chain in CHAINS for name in chain} == {*SIDE_CHAINS, "ACE", "NME"}


@pytest.mark.usefixtures("loose")
@pytest.mark.parametrize("chain", CHAINS, ids="-".join)
def test_every_residue_is_built_whole(chain):
    built = build_peptide(chain)
    x, arrays = built.positions, topology_arrays(built.topology, built.positions)
    force_field = force_field_arrays(built.system)
    i, j = force_field["ff_bonds"].T
    assert {tuple(sorted(pair)) for pair in force_field["ff_bonds"]} == {tuple(b) for b in arrays["bonds"]}
    np.testing.assert_allclose(np.linalg.norm(x[i] - x[j], axis=-1), force_field["ff_bond_rest"], rtol=0.06)
    charge = force_field["ff_charge"].sum()
    ions = sum({"ARG": 1, "LYS": 1, "ASP": -1, "GLU": -1}.get(name, 0) for name in chain)
    ends = (chain[0] != "ACE") - (chain[-1] != "NME")
    assert charge == pytest.approx(ions + ends, abs=1e-6)
    assert (np.abs(dihedral(x, arrays["omega"])) > 150).all()
    assert [name for name in arrays["residue_names"] if name not in SIDE_CHAINS] == ["ACE"] * 6 * (
        "ACE" in chain
    ) + ["NME"] * 6 * ("NME" in chain)


def is_clockwise(x: np.ndarray, centre: int, viewer: int, three: list[int]) -> bool:
    """Whether `three` atoms go round `centre` clockwise in the eyes of a fourth, the `viewer`."""
    to_viewer = (x[viewer] - x[centre]) / np.linalg.norm(x[viewer] - x[centre])
    right = np.cross([0.0, 1.0, 0.3], to_viewer)
    up = np.cross(to_viewer, right)
    seen = np.unwrap([np.arctan2((x[i] - x[centre]) @ up, (x[i] - x[centre]) @ right) for i in three])
    return bool(seen[2] < seen[1] < seen[0])


@pytest.mark.parametrize("name", PEPTIDES)
def test_alpha_carbons_obey_the_corn_rule(name):
    """Seen from the hydrogen of an L alpha carbon, CO, R, N read clockwise."""
    arrays = topology(name)
    x, atoms = arrays["positions"], arrays["atom_names"]
    assert len(arrays["chiral"]) == sum(residue not in ("ACE", "NME", "GLY") for residue in PEPTIDES[name])
    for alpha, nitrogen, carbonyl, beta in arrays["chiral"]:
        assert atoms[[alpha, nitrogen, carbonyl, beta]].tolist() == ["CA", "N", "C", "CB"]
        same_residue = arrays["residue_index"] == arrays["residue_index"][alpha]
        (hydrogen,) = np.flatnonzero(same_residue & (atoms == "HA"))
        corn = [carbonyl, beta, nitrogen]
        assert is_clockwise(x, alpha, hydrogen, corn)
        assert not is_clockwise(-x, alpha, hydrogen, corn)


@pytest.mark.usefixtures("loose")
def test_stereocentres_of_side_chains():
    """(3R)-threonine and (3S)-isoleucine: positive volumes of CA, OG1, CG2 and of CA, CG1, CG2 about CB."""
    for chain, third in (("ACE", "THR", "NME"), "OG1"), (("ACE", "ILE", "NME"), "CG1"):
        built = build_peptide(chain)
        arrays = topology_arrays(built.topology, built.positions)
        assert arrays["atom_names"][arrays["chiral"][1]].tolist() == ["CB", "CA", third, "CG2"]


@pytest.mark.usefixtures("loose")
def test_wrong_hand_is_an_error(monkeypatch):
    monkeypatch.setattr(residues, "BETA_CARBON", residues.BETA_CARBON.replace("-122", "122"))
    with pytest.raises(ValueError, match="ALA 1: CA has the wrong hand"):
        build_peptide(("ACE", "ALA", "NME"))


@pytest.mark.usefixtures("loose")
def test_wrong_hand_of_a_side_chain_is_an_error(monkeypatch):
    mirrored = "OG1 CB CA N 0.143 109 -60; CG2 CB CA N 0.152 111 60"
    monkeypatch.setitem(residues.SIDE_CHAINS, "THR", mirrored)
    with pytest.raises(ValueError, match="THR 1: CB has the wrong hand"):
        build_peptide(("ACE", "THR", "NME"))


@pytest.mark.usefixtures("loose")
def test_alanine_prefers_negative_phi(monkeypatch):
    """A mirror image has the same energy at the opposite angle, so the lower basin tells the hand."""
    lowest = {}
    for phi, psi in ((-70.0, 150.0), (60.0, 30.0)):
        monkeypatch.setattr(residues, "EXTENDED", {"phi": phi, "psi": psi})
        built = build_peptide(("ACE", "ALA", "NME"))
        arrays = topology_arrays(built.topology, built.positions)
        assert dihedral(built.positions, arrays["phi"]) == pytest.approx([phi], abs=15)
        lowest[np.sign(phi)] = openmm_energy_and_force("aldp", built.positions)[0]
    assert lowest[-1.0] < lowest[1.0] - 3.0


@pytest.mark.parametrize("name", ["al3capped", "gsa"])
def test_dihedrals_and_names_agree_with_mdtraj(name, tmp_path):
    file = tmp_path / "peptide.pdb"
    file.write_text(pdb_text(peptide(name)))
    loaded, arrays = mdtraj.load(str(file)), topology(name)
    for angle, compute in (
        ("phi", mdtraj.compute_phi),
        ("psi", mdtraj.compute_psi),
        ("omega", mdtraj.compute_omega),
    ):
        atoms, values = compute(loaded)
        np.testing.assert_array_equal(arrays[angle], atoms)
        np.testing.assert_allclose(dihedral(arrays["positions"], atoms), np.degrees(values[0]), atol=0.5)
    assert [atom.name for atom in loaded.topology.atoms] == arrays["atom_names"].tolist()
    assert [atom.element.symbol for atom in loaded.topology.atoms] == arrays["elements"].tolist()
    bonds = {tuple(sorted((a.index, b.index))) for a, b in loaded.topology.bonds}
    assert bonds == {tuple(pair) for pair in arrays["bonds"]}
    np.testing.assert_allclose(loaded.xyz[0], arrays["positions"], atol=1e-4)


@pytest.mark.usefixtures("loose")
def test_building_repeats_and_leaves_the_random_state_alone():
    first, pdb = peptide_arrays(("ALA", "GLY"))
    random.seed(7)
    state = random.getstate()
    second, again = peptide_arrays(("ALA", "GLY"))
    assert random.getstate() == state
    assert first.keys() == second.keys()
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)
    assert pdb == again
    assert pdb.startswith("ATOM")  # no remark with a date


def test_place_has_the_length_angle_and_torsion_asked_for():
    a, b, c = np.random.default_rng(1).standard_normal((3, 3))
    d = place(a, b, c, 0.15, 110.0, -50.0)
    assert np.linalg.norm(d - a) == pytest.approx(0.15)
    cosine = (d - a) @ (b - a) / np.linalg.norm(d - a) / np.linalg.norm(b - a)
    assert np.degrees(np.arccos(cosine)) == pytest.approx(110.0)
    assert dihedral(np.array([d, a, b, c]), np.array([[0, 1, 2, 3]])) == pytest.approx([-50.0])


@pytest.mark.parametrize("name", PEPTIDES)
def test_largest_extent_bounds_the_extended_chain(name):
    x, extent = peptide(name).positions, largest_extent(force_field_arrays(peptide(name).system))
    longest = np.linalg.norm(x[:, None] - x, axis=-1).max()
    assert longest < 1.005 * extent
    assert extent < 1.1 * longest


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        (("ALA", "XYZ"), "unknown residue 'XYZ'; known: ALA, GLY"),
        (("ALA", "ACE"), "ACE caps one end of the chain, got ALA ACE"),
        (("NME", "ALA"), "NME caps one end of the chain, got NME ALA"),
        (("ALA",), "a peptide needs two residues, one of them no cap, got 'ALA'"),
        (("ACE", "NME"), "a peptide needs two residues, one of them no cap, got 'ACE NME'"),
        ((), "a peptide needs two residues, one of them no cap, got ''"),
        (("GLY",) * 6, "GLY GLY GLY GLY GLY GLY: stretches to 2.28 nm, beyond the cutoff 2.0 nm"),
        (("LYS",) * 6, "LYS LYS LYS LYS LYS LYS: has 135 atoms, more than 128"),
    ],
)
def test_impossible_peptide_is_refused(chain, message):
    with pytest.raises(ValueError, match=message):
        build_peptide(chain)


def changed_system(part: str, change) -> openmm.System:
    """A copy of a system after `change` of one of its forces by the name of the class, or of the whole."""
    system = copy.deepcopy(peptide("aldp").system)
    parts = {type(force).__name__: force for force in system.getForces()} | {"System": system}
    change(parts[part])
    return system


def without_water(system: openmm.System) -> None:
    (index,) = [i for i, force in enumerate(system.getForces()) if isinstance(force, openmm.CustomGBForce)]
    system.removeForce(index)


def with_virtual_site(system: openmm.System) -> None:
    system.setParticleMass(0, 0.0)
    system.setVirtualSite(0, openmm.TwoParticleAverageSite(1, 2, 0.5, 0.5))


def other_water(water: str, **settings) -> openmm.System:
    force_field = app.ForceField("amber14-all.xml", f"implicit/{water}.xml")
    return force_field.createSystem(
        peptide("aldp").topology,
        nonbondedMethod=app.CutoffNonPeriodic,
        nonbondedCutoff=2.0 * unit.nanometer,
        **settings,
    )


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("System", lambda s: s.addForce(openmm.CustomBondForce("r")), "CustomBondForce is not understood"),
        ("System", lambda s: s.addForce(openmm.HarmonicBondForce()), "HarmonicBondForce .* occurs twice"),
        ("System", without_water, "force CustomGBForce is missing"),
        ("System", lambda s: s.addConstraint(0, 1, 0.1), "constraints are not understood, got 1"),
        ("System", with_virtual_site, "virtual sites are not understood, got particle 0"),
        ("NonbondedForce", lambda f: f.setNonbondedMethod(0), "nonbonded method must be 1, got 0"),
        ("NonbondedForce", lambda f: f.setReactionFieldDielectric(78.3), "dielectric must be 1.0, got 78.3"),
        ("NonbondedForce", lambda f: f.setUseSwitchingFunction(True), "function must be False, got True"),
        ("CustomGBForce", lambda f: f.setNonbondedMethod(0), "must be CutoffNonPeriodic, got 0"),
        ("CustomGBForce", lambda f: f.setCutoffDistance(1.5), "is not that of implicit/obc1.xml"),
        ("CustomGBForce", lambda f: f.addExclusion(0, 1), r"is not that .*\('exclusions', 1\)"),
    ],
)
def test_system_that_is_not_understood_is_refused(part, change, message):
    with pytest.raises(ValueError, match=message):
        force_field_arrays(changed_system(part, change))


@pytest.mark.parametrize(
    ("water", "settings"), [("obc2", {}), ("gbn2", {}), ("obc1", {"solventDielectric": 80.0})]
)
def test_other_water_is_refused(water, settings):
    with pytest.raises(ValueError, match="CustomGBForce: is not that of implicit/obc1.xml"):
        force_field_arrays(other_water(water, **settings))


def test_centre_of_mass_remover_is_ignored():
    system = changed_system("System", lambda system: system.addForce(openmm.CMMotionRemover()))
    arrays, usual = force_field_arrays(system), force_field_arrays(peptide("aldp").system)
    assert all(np.array_equal(arrays[name], usual[name]) for name in usual)


def test_heavy_atoms_do_not_overlap():
    for chain in CHAINS:
        x = np.array([atom for residue in build_heavy_atoms(chain) for atom in residue.values()])
        distance = np.linalg.norm(x[:, None] - x, axis=-1) + np.eye(len(x))
        assert distance.min() > 0.11, chain
