"""Proves that an exported trajectory holds the samples to the precision of its format, and their molecule."""

import mdtraj
import numpy as np
import pytest

from experiments import export, paths
from experiments.files import save_npz, save_text
from pita.metrics.dihedrals import dihedrals
from pita.peptide import peptide_arrays

PRECISION = {
    "xtc": 5.1e-4,
    "dcd": 1e-6,
    "pdb": 5.1e-5,
}  # nm, half of the last digit; dcd has angstroms in float32
PARAMETERS = """
[system]
kind = "peptide"
residues = ["ACE", "ALA", "NME"]
temperatures = [1200.0, 300.0]
"""


@pytest.fixture(scope="module")
def molecule():
    return peptide_arrays(["ACE", "ALA", "NME"])


@pytest.fixture
def samples(tmp_path, monkeypatch, molecule):
    """Jittered minima as the samples of a method, and twice as jittered in a hot reference."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    arrays, pdb = molecule
    paths.params("aldp").parent.mkdir(parents=True)
    paths.params("aldp").write_text(PARAMETERS)
    save_npz(paths.system("aldp"), arrays)
    save_text(paths.structure("aldp"), pdb)
    noise = np.random.default_rng(1).normal(size=(2, 20, 22, 3))
    x = (arrays["positions"] + noise * np.array([0.02, 0.01])[:, None, None, None]).astype(np.float32)
    save_npz(paths.reference("aldp"), {"temperatures": np.array([1200.0, 300.0]), "x": x})
    save_npz(paths.samples("aldp", "pita", 1), {"x": x[1]})
    return x


def loaded(name, kind):
    path = paths.samples("aldp", *name).with_suffix(f".{kind}")
    return mdtraj.load(str(path), **({} if kind == "pdb" else {"top": str(paths.structure("aldp"))}))


@pytest.mark.parametrize("kind", export.FORMATS)
def test_positions_come_back_within_the_precision_of_the_format(kind, samples):
    export.main(["aldp", "pita", "1", "--format", kind])
    found = loaded(("pita", 1), kind).xyz
    assert np.abs(found - samples[1]).max() < PRECISION[kind]
    assert np.abs(found - samples[1][::-1]).max() > 0.005, "the order of the samples would be seen"


@pytest.mark.parametrize("kind", export.FORMATS)
def test_phi_and_psi_of_mdtraj_are_ours(kind, samples, molecule):
    export.main(["aldp", "pita", "1", "--format", kind])
    trajectory = loaded(("pita", 1), kind)
    for name, compute in (("phi", mdtraj.compute_phi), ("psi", mdtraj.compute_psi)):
        atoms, angles = compute(trajectory)
        assert np.array_equal(atoms, molecule[0][name])
        ours = dihedrals(samples[1], molecule[0][name])
        difference, of_mirror = (np.abs(np.angle(np.exp(1j * (angles - side)))) for side in (ours, -ours))
        # Four atoms are displaced, at a distance of 0.12 nm from the middle bond or more.
        bound = 4 * 3**0.5 / 0.12 * PRECISION[kind] + 1e-5
        assert difference.max() < bound < of_mirror.max()


@pytest.mark.usefixtures("samples")
def test_the_trajectory_has_the_names_and_elements_of_the_system(molecule):
    export.main(["aldp", "pita", "1", "--format", "pdb"])
    atoms = list(loaded(("pita", 1), "pdb").topology.atoms)
    assert [atom.name for atom in atoms] == molecule[0]["atom_names"].tolist()
    assert [atom.element.symbol for atom in atoms] == molecule[0]["elements"].tolist()


def test_the_reference_is_that_of_the_temperature_asked_for(samples):
    export.main(["aldp", "--reference", "--temperature", "1200", "--format", "dcd"])
    export.main(["aldp", "--reference", "--format", "dcd"])
    hot, cold = (loaded(("reference", name), "dcd").xyz for name in ("1200K", "300K"))
    assert np.abs(hot - samples[0]).max() < 1e-6 and np.abs(cold - samples[1]).max() < 1e-6


@pytest.mark.usefixtures("samples")
def test_equal_samples_give_equal_bytes():
    written = []
    for _ in range(2):
        export.main(["aldp", "pita", "1"])
        written.append(paths.samples("aldp", "pita", 1).with_suffix(".xtc").read_bytes())
    assert written[0] == written[1]
    assert not list(paths.samples("aldp", "pita", 1).parent.glob("partial*"))


@pytest.mark.usefixtures("samples")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["aldp", "absent", "1"], r"aldp-absent-1.npz: no such file"),
        (["aldp", "--reference", "--temperature", "500"], r"has no temperature 500.0, only 1200.0, 300.0"),
    ],
)
def test_what_is_not_there_is_one_error_that_names_it(arguments, message):
    with pytest.raises(SystemExit, match=f"error: .*{message}"):
        export.main(arguments)


@pytest.mark.usefixtures("samples")
@pytest.mark.parametrize("arguments", [["aldp"], ["aldp", "pita"], ["aldp", "pita", "1", "--reference"]])
def test_a_run_or_the_reference_is_needed_and_not_both(arguments, capsys):
    with pytest.raises(SystemExit):
        export.main(arguments)
    assert "give a method and a seed, or --reference" in capsys.readouterr().err


@pytest.mark.usefixtures("samples")
def test_another_molecule_is_refused(molecule):
    lines = molecule[1].replace(" CB  ALA", " CX  ALA")
    save_text(paths.structure("aldp"), lines)
    with pytest.raises(SystemExit, match=r"aldp.pdb: has the atoms .* CX .*, .*aldp.npz has .* CB "):
        export.main(["aldp", "pita", "1"])


@pytest.mark.usefixtures("samples")
def test_samples_of_another_size_are_refused():
    save_npz(paths.samples("aldp", "pita", 1), {"x": np.zeros((5, 13, 3), dtype=np.float32)})
    with pytest.raises(SystemExit, match=r"shape \(5, 13, 3\), the molecule has 22 atoms"):
        export.main(["aldp", "pita", "1"])
