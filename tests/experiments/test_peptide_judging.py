"""Proves that a peptide is judged by its backbone, that wrong samples are counted and lost basins told."""

import json

import numpy as np
import pytest
import torch

from experiments import evaluate, floor, paths, tica
from experiments.files import load_json, load_npz, save_json, save_npz, sha256
from experiments.judges import load_judge
from experiments.results import floor_row, our_rows
from experiments.sample_sets import reduced
from experiments.settings import load_system
from experiments.tables import csv_lines, text_rows
from pita.metrics.dihedrals import dihedrals
from pita.metrics.peptide_scores import METRICS
from pita.metrics.tica import TicaModel, project
from pita.targets.forcefield import ForceField
from pita.units import BOLTZMANN
from tests.experiments import peptide_case
from tests.experiments.peptide_case import N, basins, save_reference, switching, topology

BILL = {
    "energy_evals": {"initial": 1, "ladder": 2, "sample": 3, "total": 6},
    "ess": {"sample": 9.0},
    "counters": {"clipped": 0, "nonfinite": 0, "wrong_chirality": 0},
}


@pytest.fixture
def reference(tmp_path, monkeypatch):
    """A repository with a fitted plane and a reference of 64, 16 with phi > 0; returns its first run."""
    peptide_case.repository(tmp_path, monkeypatch)
    tica.main(["aldp"])
    x = basins(N, seed=2)
    save_reference(x, basins(N, seed=3))
    return x


def judge(x, method="pita"):
    save_npz(paths.samples("aldp", method, 1), {"x": x})
    save_json(paths.samples("aldp", method, 1).with_suffix(".json"), BILL)
    evaluate.main(["aldp", method, "1"])
    return load_json(paths.metrics("aldp", method, 1))


def test_the_reference_itself_scores_zero_and_a_wrong_population_does_not(reference):
    same = judge(reference)
    assert same["metrics"].keys() == set(METRICS) and same["n_samples"] == N
    for score in same["metrics"].values():
        assert score["value"] == pytest.approx(0.0, abs=1e-6) and score["se"] > 0
    assert same["counters"] == BILL["counters"] | {"overlaps": 0, "broken_bonds": 0}
    wrong = judge(basins(N, seed=4, positive=0.75))["metrics"]
    for name in ("torus_w2", "rama_tv", "tica_w1", "tica_w2", "delta_f_error_kcal"):
        assert wrong[name]["value"] > 3 * wrong[name]["se"]
    assert wrong["delta_f_error_kcal"]["value"] == pytest.approx(300 * BOLTZMANN / 4.184 * np.log(9))


def test_observables_are_those_of_the_samples_in_their_units(reference):
    found = judge(reference)["observables"]
    assert found["phi_positive"] == pytest.approx({"value": 0.25, "se": (0.25 * 0.75 / N) ** 0.5})
    kcal = 300 * BOLTZMANN / 4.184
    assert found["free_energy_difference_kcal"] == pytest.approx(
        {"value": kcal * np.log(3), "se": kcal * (1 / 16 + 1 / 48) ** 0.5}
    )
    energy = ForceField(topology(), compiled=False).energy(torch.from_numpy(reference).double()).numpy()
    reduced = energy / (BOLTZMANN * 300)
    expected = {"value": reduced.mean(), "se": reduced.std(ddof=1) / N**0.5}
    assert found["mean_energy_kt"] == pytest.approx(expected)
    assert found["wrong_chirality"] == found["broken_bonds"] == {"value": 0.0, "se": 0.0}


def test_along_a_curve_of_budgets_the_slow_coordinates_are_left_out(reference):
    physics = load_system("aldp")
    sides = (reduced(x, physics, rung=-1, name="x") for x in (reference, basins(N, seed=10)))
    scores = load_judge("aldp", physics).quick_scores(*sides, rng=np.random.default_rng(11))
    assert scores.keys() == set(METRICS) - {"tica_w1", "tica_w2"}


def test_wrong_hands_broken_bonds_and_overlaps_are_counted_and_left_in(reference):
    x = reference.copy()
    x[:5] = -x[:5]
    x[5:8, 21] += np.float32(0.5) * (x[5:8, 21] - x[5:8, 18])  # a hydrogen of the last methyl group
    x[8, 21] = x[8, 1] + np.float32(0.02)  # ... inside one of the first
    found = judge(x)
    assert found["counters"] == BILL["counters"] | {"wrong_chirality": 5, "broken_bonds": 4, "overlaps": 1}
    assert found["observables"]["wrong_chirality"] == pytest.approx(
        {"value": 5 / N, "se": (5 / N * (1 - 5 / N) / N) ** 0.5}
    )
    assert found["metrics"]["energy_w1"]["value"] > 10.0
    assert found["n_samples"] == N


def test_a_lost_basin_is_null_in_the_results_and_not_known_in_the_table(reference):
    judge(reference, "pita")
    found = judge(basins(N, seed=5, positive=0.0), "hot_hmc")
    assert found["metrics"]["delta_f_error_kcal"] is None
    assert found["observables"]["free_energy_difference_kcal"] is None
    rows = our_rows("aldp", root=paths.ROOT)
    line = csv_lines(rows)[0]
    assert (line["method"], line["delta_f_error_kcal"]) == ("hot_hmc", "not known")
    assert text_rows(rows)[1][-1] == "not known" and text_rows(rows)[2][-1].startswith("0")


@pytest.mark.usefixtures("reference")
def test_floors_have_every_metric_and_those_of_angles_and_energies_everywhere(tmp_path):
    floor.main(["aldp"])
    content = load_json(paths.floor("aldp"))
    row = floor_row("aldp", root=tmp_path)
    assert set(row.metrics) == set(METRICS) and row.n_samples == N
    hot, cold = (entry["metrics"] for entry in content["per_temperature"])
    assert set(hot) == set(cold) == {"energy_w1", "energy_w2", "rama_tv", "torus_w2"}
    assert cold.items() <= content["metrics"].items()
    # Every draw takes all of either run, and both rungs hold the same: only the unit of energy differs.
    for name in ("energy_w1", "energy_w2"):
        assert 600 * hot[name]["mean"] == pytest.approx(300 * cold[name]["mean"])
    assert hot["torus_w2"]["mean"] == pytest.approx(cold["torus_w2"]["mean"])
    assert content["metrics"]["delta_f_error_kcal"]["mean"] == pytest.approx(0.0, abs=1e-9)


def test_runs_that_disagree_stand_above_the_floor_and_a_lost_basin_has_none(reference, tmp_path):
    floor.main(["aldp"])
    agreeing = load_json(paths.floor("aldp"))["metrics"]
    save_reference(reference, basins(N, seed=6, positive=0.0))
    floor.main(["aldp"])
    apart = load_json(paths.floor("aldp"))["metrics"]
    for name in ("torus_w2", "rama_tv", "tica_w1", "tica_w2"):
        assert apart[name]["mean"] > 1.5 * agreeing[name]["mean"]
    assert apart["delta_f_error_kcal"] is None
    assert floor_row("aldp", root=tmp_path).metrics["delta_f_error_kcal"] is None


@pytest.mark.usefixtures("reference")
def test_results_repeat_their_bytes(reference):
    floor.main(["aldp"])
    files = [paths.floor("aldp"), paths.tica("aldp")]
    first = [json.dumps(judge(reference)), *(sha256(file) for file in files)]
    tica.main(["aldp"])
    floor.main(["aldp"])
    assert [json.dumps(judge(reference)), *(sha256(file) for file in files)] == first


@pytest.mark.usefixtures("reference")
def test_the_slow_coordinate_is_the_jump_of_phi_and_needs_frames_in_order():
    chains = switching(30, 200, seed=7, flip=0.05)
    disordered = np.random.default_rng(8).permutation(chains.reshape(6000, 22, 3)).reshape(chains.shape)
    models = []
    for frames in (chains, disordered):
        save_npz(paths.chains("aldp"), {"x": frames})
        tica.main(["aldp"])
        models.append(TicaModel.from_arrays(load_npz(paths.tica("aldp"))))
    assert models[0].lag == 5
    x = basins(400, seed=9, positive=0.5)
    side = np.sign(dihedrals(x, topology()["phi"])[:, 0])
    assert abs(np.corrcoef(project(models[0], x)[:, 0], side)[0, 1]) > 0.98
    # A state that flips with chance p a frame decorrelates as (1 - 2 p)^t.
    assert models[0].timescales()[0] == pytest.approx(-1 / np.log(0.9), rel=0.2)
    assert models[1].timescales()[0] < 3.0
