"""Proves that the reference stage repeats, resumes exactly after an interrupt, and reports on two runs."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import mdtraj
import numpy as np
import pytest
from scipy.spatial.distance import pdist

from experiments import convergence_report, paths, reference, tempering_run
from experiments.files import load_json, load_npz, sha256

PARAMETERS = """
[system]
kind = "lennard_jones"
n_atoms = 4
temperatures = [2.0, 1.0]

[reference]
seed = {seed}
extra_temperatures = [1.5]
n_samples = 96
n_walkers = 8
n_burn_in = 20
thin = 4
n_leapfrog = 5
step_size = 0.05
spacing = 1.1
jitter = 0.05
n_quenched = 8
"""


DYNAMICS = """
[reference.dynamics]
n_chains = 64
[reference.dynamics.moves]
n_steps = 600
n_burn_in = 200
thin = 5
step_size = {step_size}
friction = 1.0
"""


def run(root, monkeypatch, *, seed=1, parameters=PARAMETERS, system="lj4"):
    """The stage in a repository of its own; returns the paths of what it wrote."""
    for name, folder in {"ROOT": "", "DATA": "figures/data", "SCRATCH": "experiments/scratch"}.items():
        monkeypatch.setattr(paths, name, root / folder)
    monkeypatch.setattr(tempering_run, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setitem(convergence_report.QUENCH, "n_steps", 400)
    paths.params(system).parent.mkdir(parents=True, exist_ok=True)
    paths.params(system).write_text(parameters.format(seed=seed))
    reference.main([system])
    return paths.reference(system), paths.DATA / f"{system}-reference.json"


KILLED = """
import os
import signal
import sys
from pathlib import Path
from pytest import MonkeyPatch
from experiments import files
from tests.experiments import test_reference

replace, written = os.replace, []

def replace_or_die(partial, path):
    written.append(path)
    if len(written) == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(partial, path)

files.os.replace = replace_or_die
test_reference.run(Path(sys.argv[1]), MonkeyPatch())
"""


PEPTIDE = """
[system]
kind = "peptide"
residues = ["ACE", "ALA", "NME"]
temperatures = [1200.0, 300.0]
compiled = false

[reference]
seed = {seed}
extra_temperatures = [600.0]
n_samples = 32
n_walkers = 8
n_burn_in = 8
thin = 4
n_leapfrog = 5
step_size = 8e-5
jitter = 0.003

[reference.dynamics]
n_chains = 8
moves = {{ n_steps = 40, thin = 5, step_size = 5e-5, friction = 20.0 }}
"""


def stop_after(n_saves, monkeypatch):
    """Interrupt the stage when a checkpoint has been written `n_saves` times."""
    save, saves = tempering_run.save_npz, []

    def save_then_stop(path, arrays):
        save(path, arrays)
        saves.append(path)
        if len(saves) == n_saves:
            raise KeyboardInterrupt

    monkeypatch.setattr(tempering_run, "save_npz", save_then_stop)


@pytest.mark.parametrize("n_saves", [5, 12, 15])
def test_interrupted_stage_ends_with_the_same_bytes(tmp_path, monkeypatch, n_saves):
    whole = [sha256(path) for path in run(tmp_path / "whole", monkeypatch)]
    with monkeypatch.context() as patch:
        stop_after(n_saves, patch)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "cut", patch)
    assert not (tmp_path / "cut/experiments/reference/lj4.npz").exists()
    assert [sha256(path) for path in run(tmp_path / "cut", monkeypatch)] == whole
    assert not list((tmp_path / "cut/experiments/scratch").iterdir())


def test_stage_killed_while_it_writes_ends_with_the_same_bytes(tmp_path, monkeypatch):
    whole = [sha256(path) for path in run(tmp_path / "whole", monkeypatch)]
    root = Path(__file__).parents[2]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path / "cut"], cwd=root, env=os.environ | {"PYTHONPATH": str(root)}
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "cut/experiments/scratch").glob("*.npz*"))) == 2  # one whole, one partial
    assert [sha256(path) for path in run(tmp_path / "cut", monkeypatch)] == whole


def test_same_seed_repeats_and_another_seed_differs(tmp_path, monkeypatch):
    files = [run(tmp_path / name, monkeypatch, seed=s)[0] for name, s in (("a", 1), ("b", 1), ("c", 2))]
    assert sha256(files[0]) == sha256(files[1]) != sha256(files[2])


def test_samples_are_mean_free_ordered_and_of_two_different_runs(tmp_path, monkeypatch):
    data, report = run(tmp_path, monkeypatch)
    arrays = load_npz(data)
    assert arrays["temperatures"].tolist() == [2.0, 1.0]
    assert arrays["x"].shape == arrays["x_second"].shape == (2, 96, 4, 3)
    assert arrays["x"].dtype == np.float32
    assert np.abs(arrays["x"].mean(axis=2)).max() < 1e-6
    assert arrays["chain"].tolist() == list(range(8)) * 12
    assert not np.array_equal(arrays["x"], arrays["x_second"])
    content = load_json(report)
    # one evaluation per walker to begin with, five per move; 3 temperatures of 8 walkers, 20 + 12 * 4 moves
    assert content["energy_evals"] == {"first": 24 * (1 + 5 * 68), "second": 24 * (1 + 5 * 68)}
    assert [entry["temperature"] for entry in content["per_temperature"]] == [2.0, 1.0]
    assert len(content["swap_rates"]) == 2
    # the tetrahedron: six pairs, each 2 deep, and the trap; the trap presses it together a little
    assert -12.0 < content["lowest_basin"]["energy"] < -12.0 + 0.5 * 4 * 0.375
    assert content["lowest_basin"]["fraction"] == {"first": 1.0, "second": 1.0}


def test_dynamics_confirm_the_energy_of_the_hottest_temperature_unless_their_step_is_too_long(
    tmp_path, monkeypatch
):
    gaps, errors = [], []
    for name, step_size in (("short", 0.01), ("long", 0.1)):
        section = DYNAMICS.format(step_size=step_size)
        _, report = run(tmp_path / name, monkeypatch, parameters=PARAMETERS + section)
        dynamics = load_json(report)["dynamics"]
        assert dynamics["temperature"] == 2.0 and dynamics["energy_evals"] == 64 * 601
        energy = dynamics["mean_energy"]["mean"]
        gaps.append(abs(energy["dynamics"] - energy["tempering"]))
        errors.append(np.hypot(*dynamics["mean_energy"]["se"].values()))
    assert dynamics["mean_energy"]["difference_in_se"] == pytest.approx(gaps[1] / errors[1])
    assert gaps[0] < 3 * errors[0] < 3 < gaps[1]  # collisions at a long step throw atoms out


def test_peptides_start_at_their_structure_and_report_conformers(tmp_path, monkeypatch):
    system = paths.system("aldp")
    target = tmp_path / system.relative_to(paths.ROOT)
    target.parent.mkdir(parents=True)
    shutil.copy(system, target)
    data, report = run(tmp_path, monkeypatch, parameters=PEPTIDE, system="aldp")
    content, x = load_json(report), load_npz(data)
    structure = load_npz(system)
    assert x["x"].shape == (2, 32, 22, 3)
    moved = [np.abs(pdist(each) - pdist(structure["positions"])).max() for each in x["x"].reshape(-1, 22, 3)]
    assert 0.05 < max(moved) < 0.5  # nm; atoms that began elsewhere would have flown apart
    for rung, entry in enumerate(content["per_temperature"]):
        for name, run_x in (("first", x["x"][rung]), ("second", x["x_second"][rung])):
            phi = mdtraj.compute_dihedrals(mdtraj.Trajectory(run_x, None), structure["phi"], periodic=False)
            assert entry["phi_positive"][0]["fraction"][name] == (phi > 0).mean()
        assert entry["wrong_chirality"] == {"first": 0.0, "second": 0.0}
    assert content["dynamics"]["energy_evals"] == 8 * 41
    assert len(content["dynamics"]["phi_positive"]) == 1 and "lowest_basin" not in content


def test_clusters_have_no_conformers_and_the_lowest_basin_only_on_request(tmp_path, monkeypatch):
    parameters = PARAMETERS.replace("n_quenched = 8", "")
    content = load_json(run(tmp_path, monkeypatch, parameters=parameters)[1])
    assert "lowest_basin" not in content and "dynamics" not in content
    assert "phi_positive" not in content["per_temperature"][0]


def test_truncated_checkpoint_is_one_error_that_names_the_file(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(3, patch)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, patch)
    (scratch,) = (tmp_path / "experiments/scratch").iterdir()
    scratch.write_bytes(scratch.read_bytes()[:1000])
    with pytest.raises(SystemExit, match=f"error: {scratch}: cannot be read") as stop:
        run(tmp_path, monkeypatch)
    assert "\n" not in str(stop.value)
