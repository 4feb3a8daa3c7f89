"""Proves that a run is judged whole: equal sets score zero, overlaps stay in, infinite energies do not."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments import baseline, budget, evaluate, paths
from experiments.classical import RUNS, BaselineSettings
from experiments.config import load_section
from experiments.files import load_json, load_npz, save_json, save_npz
from experiments.results import our_rows
from experiments.tables import text_rows
from pita.targets.lennard_jones import LennardJonesCluster

N = 64
PARAMS = """
[system]
kind = "lennard_jones"
n_atoms = 3
temperatures = [4.0, 2.0, 1.0]

[evaluate]
seed = 1
n_samples = 64
n_resamples = 4
n_resamples_geometric = 2
overlap_kt = 1000.0

[budget]
n_energy_evals = [2000, 4000]

[baseline]
n_samples = 64
n_energy_evals = 4000
parallel_tempering = [{ n_energy_evals = 3000, n_temperatures = 3, n_walkers = 2, n_leapfrog = 5 },
    { n_energy_evals = 9000, n_temperatures = 3, n_walkers = 8, n_leapfrog = 5 }]
population_annealing = [{ n_energy_evals = 3000, n_particles = 20, n_hot_chains = 5, n_leapfrog = 5 }]
hot_hmc = [{ n_energy_evals = 3000, n_chains = 4, n_leapfrog = 5 }]

[[baseline.md]]
n_energy_evals = 3000
hot = 4.0
cold = 1.0
step_size = 0.01
friction = 1.0
n_chains = 4
start = { spacing = 1.1, jitter = 0.05 }

[[baseline.hot_md]]
n_energy_evals = 3000
hot = 4.0
cold = 1.0
step_size = 0.01
friction = 1.0
n_chains = 4
start = { spacing = 1.1, jitter = 0.05 }
hot_fraction = 0.2
"""
BILL = {
    "energy_evals": {"initial": 1, "ladder": 2, "sample": 3, "total": 6},
    "ess": {"sample": 9.0},
    "counters": {"clipped": 0, "nonfinite": 0, "wrong_chirality": 0},
}


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Parameters and a reference of the trimer; returns the reference at the target temperature."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "DATA", tmp_path / "figures/data")
    paths.params("lj3").parent.mkdir(parents=True)
    paths.params("lj3").write_text(PARAMS)
    generator = torch.Generator().manual_seed(1)
    x = LennardJonesCluster(3).initial_lattice(3 * N, spacing=1.0, jitter=0.1, generator=generator)
    x = x.numpy().reshape(3, N, 3, 3)
    save_npz(paths.reference("lj3"), {"temperatures": np.array([4.0, 2.0, 1.0]), "x": x})
    return x[-1]


def judge(x: np.ndarray, method: str) -> dict:
    save_npz(paths.samples("lj3", method, 1), {"x": x})
    save_json(paths.samples("lj3", method, 1).with_suffix(".json"), BILL)
    evaluate.main(["lj3", method, "1", "--workers", "1"])
    return load_json(paths.metrics("lj3", method, 1))


def test_the_reference_itself_scores_zero_and_a_larger_cluster_does_not(system: np.ndarray) -> None:
    scores = judge(system, "same")["metrics"]
    assert list(scores) == ["distance_w2", "energy_w1", "energy_w2", "geometric_w2"]
    assert all(
        score["value"] == pytest.approx(0.0, abs=1e-6) and score["se"] > 0 for score in scores.values()
    )
    wrong = judge(np.float32(1.2) * system, "larger")["metrics"]
    assert all(score["value"] > 3 * score["se"] for score in wrong.values())


def test_an_overlap_is_counted_and_left_in_and_the_table_can_be_read(system: np.ndarray) -> None:
    overlapping = system.copy()
    overlapping[0, 1] = overlapping[0, 0] + np.float32(0.02)
    run = judge(overlapping, "overlapping")
    assert run["counters"] == BILL["counters"] | {"overlaps": 1}
    assert run["metrics"]["energy_w2"]["value"] > 1e10
    lines = text_rows(our_rows("lj3", root=paths.ROOT))
    column = lines[0].index("energy w2")
    assert "e+" in lines[1][column] and len(lines[1][column]) < 10


def test_an_infinite_energy_and_a_wrong_number_of_samples_are_refused(system: np.ndarray) -> None:
    colliding = system.copy()
    colliding[:2, 1] = colliding[:2, 0]
    with pytest.raises(SystemExit, match="2 of 64 samples have no finite energy"):
        judge(colliding, "colliding")
    with pytest.raises(SystemExit, match="64 samples are needed, the file has 10"):
        judge(system[:10], "short")


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("method", RUNS)
def test_a_classical_run_repeats_its_bytes_and_another_seed_does_not(method: str) -> None:
    written = []
    for seed in (1, 1, 2):
        baseline.main(["lj3", method, str(seed)])
        path = paths.samples("lj3", method, seed)
        written.append(path.read_bytes())
    assert written[0] == written[1] != written[2]
    assert load_npz(path, {"x": "float32"})["x"].shape == (N, 3, 3)
    bill = load_json(path.with_suffix(".json"), keys=("ess", "counters"))
    assert 3000 < bill["energy_evals"]["total"] <= 4000


@pytest.mark.usefixtures("system")
def test_a_budget_curve_spends_each_budget_and_no_more() -> None:
    budget.main(["lj3", "parallel_tempering", "1"])
    curve = json.loads(paths.budget("lj3", "parallel_tempering", 1).read_text())
    assert (curve["method"], curve["seed"], curve["n_samples"]) == ("parallel_tempering", 1, N)
    spent = [point["energy_evals"] for point in curve["points"]]
    assert 1500 < spent[0] <= 2000 and 3500 < spent[1] <= 4000
    assert set(curve["points"][0]["metrics"]) == {"distance_w2", "energy_w1", "energy_w2"}


@pytest.mark.usefixtures("system")
def test_a_budget_takes_the_plan_tuned_at_the_largest_budget_within_it() -> None:
    settings = load_section(paths.params("lj3"), "baseline", BaselineSettings)
    walkers = {
        budget: settings.plan("parallel_tempering", n_energy_evals=budget).n_walkers
        for budget in (2000, 3000, 8999, 9000, 20_000)
    }
    assert walkers == {2000: 2, 3000: 2, 8999: 2, 9000: 8, 20_000: 8}
    assert settings.plan("parallel_tempering", n_energy_evals=2000).n_energy_evals == 2000
