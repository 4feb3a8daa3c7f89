"""Proves that stage `system` writes what later stages read without OpenMM, and that mistakes get a line."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from experiments import paths, system
from experiments.config import ConfigError
from experiments.files import DataFileError, load_npz, sha256
from experiments.settings import load_system, load_topology
from pita.targets.kelvin import InKelvin
from pita.targets.lennard_jones import LennardJonesCluster
from pita.units import BOLTZMANN

PEPTIDE = """
[system]
kind = "peptide"
residues = ["ACE", "ALA", "NME"]
temperatures = [1200.0, 300.0]
compiled = false
"""
COMMITTED = ("aldp", "al3", "al3capped", "gsa", "avg")
TOPOLOGY = {
    "positions", "elements", "atom_names", "residue_names", "residue_index",
    "bonds", "phi", "psi", "omega", "chiral",
}  # fmt: skip


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)


def write(name: str, text: str) -> None:
    paths.params(name).parent.mkdir(parents=True, exist_ok=True)
    paths.params(name).write_text(text)


@pytest.mark.usefixtures("repository")
def test_stage_writes_the_same_bytes_twice_and_later_stages_read_them():
    write("dipeptide", PEPTIDE)
    system.main(["dipeptide"])
    first = sha256(paths.system("dipeptide")), sha256(paths.structure("dipeptide"))
    system.main(["dipeptide"])
    assert (sha256(paths.system("dipeptide")), sha256(paths.structure("dipeptide"))) == first
    settings, topology = load_system("dipeptide"), load_topology("dipeptide")
    assert (settings.n_atoms, settings.residues) == (22, ("ACE", "ALA", "NME"))
    assert topology.keys() == TOPOLOGY
    target = settings.target()
    assert isinstance(target, InKelvin)
    assert (target.n_atoms, target.n_dof) == (22, 63)
    energy = target.energy(torch.from_numpy(topology["positions"])[None])
    assert energy.item() * BOLTZMANN == pytest.approx(-160.75, abs=0.01)


@pytest.mark.parametrize("name", COMMITTED)
def test_committed_systems_are_what_their_parameters_say(name):
    settings, topology = load_system(name), load_topology(name)
    assert topology.keys() == TOPOLOGY
    assert settings.temperatures == (1200.0, 755.95, 555.52, 408.24, 300.0)
    assert settings.n_atoms == len(topology["elements"])
    order = np.flatnonzero(np.diff(topology["residue_index"], prepend=-1))
    assert tuple(topology["residue_names"][order]) == settings.residues
    assert topology["positions"].dtype == np.float64
    np.testing.assert_allclose(topology["positions"].mean(0), 0.0, atol=1e-12)
    centre, first, second, third = (topology["positions"][i] for i in topology["chiral"].T)
    volume = ((first - centre) * np.cross(second - centre, third - centre)).sum(-1)
    assert (volume > 1e-3).all()


def test_reading_a_peptide_does_not_import_openmm():
    code = (
        "import sys; from experiments.settings import load_system; load_system('aldp').target();"
        "sys.exit('openmm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=paths.ROOT, check=False).returncode == 0


@pytest.mark.usefixtures("repository")
def test_cluster_is_given_by_its_size():
    write("lj4", '[system]\nkind = "lennard_jones"\nn_atoms = 4\ntemperatures = [2.0, 1.0]\n')
    settings = load_system("lj4")
    assert settings.n_atoms == 4
    assert isinstance(settings.target(), LennardJonesCluster)
    with pytest.raises(SystemExit, match="lj4: only a peptide has to be built, got kind 'lennard_jones'"):
        system.main(["lj4"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"ALA"', '"ALX"'), "unknown residue 'ALX'"),
        (('["ACE", "ALA", "NME"]', "[]"), "system: residues are needed for a peptide, got none"),
        (('"peptide"', '"protein"'), "system: kind must be one of lennard_jones, peptide, got 'protein'"),
        (
            ('"peptide"', '"lennard_jones"'),
            "system: lennard_jones is given by n_atoms alone, got n_atoms None",
        ),
        (("compiled", "n_atoms = 22\ncompiled"), "n_atoms of a peptide follows from its residues, got 22"),
        (("compiled", "system = 'x'\ncompiled"), "system.system: unknown key"),
        (("300.0", "1300.0"), "temperatures"),
    ],
)
@pytest.mark.usefixtures("repository")
def test_wrong_parameters_are_refused(change, message):
    write("wrong", PEPTIDE.replace(*change))
    with pytest.raises(SystemExit, match=message):
        system.main(["wrong"])


@pytest.mark.usefixtures("repository")
def test_absent_or_damaged_file_is_an_error():
    write("dipeptide", PEPTIDE)
    with pytest.raises(DataFileError, match=r"dipeptide\.npz: no such file"):
        load_system("dipeptide")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_system("other")
    paths.system("dipeptide").parent.mkdir(parents=True)
    np.savez(paths.system("dipeptide"), positions=np.zeros((22, 3)))
    with pytest.raises(DataFileError, match="ff_charge: missing"):
        load_system("dipeptide").target()
    assert load_npz(paths.system("dipeptide")).keys() == {"positions"}
