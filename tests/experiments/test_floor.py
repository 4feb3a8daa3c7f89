"""Proves that the floor stage measures two reference runs against one another, as the tables read it."""

import numpy as np
import pytest

from experiments import floor, paths
from experiments.files import load_json, save_npz, sha256
from experiments.results import floor_row

PARAMETERS = """
[system]
kind = "lennard_jones"
n_atoms = 4
temperatures = [2.0, 1.0]

[floor]
seed = {seed}
n_samples = {n_samples}
n_repeats = 4
n_repeats_geometric = 2
"""


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Two runs of jittered squares, which differ by chance alone; the hot rung jitters twice as much."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "DATA", tmp_path / "figures/data")
    square = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    jitter = 0.05 * np.random.default_rng(1).normal(size=(2, 2, 200, 4, 3))
    first, second = (square + jitter * np.array([2.0, 1.0])[:, None, None, None]).astype(np.float32)
    arrays = {"temperatures": np.array([2.0, 1.0]), "x": first, "x_second": second}
    save_npz(paths.reference("lj4"), arrays)
    return arrays


def run(*, seed=1, n_samples=40):
    paths.params("lj4").parent.mkdir(parents=True, exist_ok=True)
    paths.params("lj4").write_text(PARAMETERS.format(seed=seed, n_samples=n_samples))
    floor.main(["lj4"])
    return paths.floor("lj4")


@pytest.mark.usefixtures("repository")
def test_floors_are_read_by_the_tables(tmp_path):
    content = load_json(run())
    row = floor_row("lj4", root=tmp_path)
    assert row.n_samples == 40
    assert set(row.metrics) == {"distance_w2", "energy_w1", "energy_w2", "geometric_w2"}
    assert all(0 < cell.error < cell.value for cell in row.metrics.values())
    hot, cold = content["per_temperature"]
    assert cold["metrics"].items() <= content["metrics"].items()
    assert hot["metrics"]["distance_w2"]["mean"] > cold["metrics"]["distance_w2"]["mean"]


def test_two_runs_that_disagree_stand_above_the_floor_of_two_that_agree(repository):
    agreeing = load_json(run())["metrics"]["distance_w2"]
    save_npz(paths.reference("lj4"), repository | {"x_second": 1.1 * repository["x_second"]})
    assert load_json(run())["metrics"]["distance_w2"]["mean"] > agreeing["mean"] + 5 * agreeing["sd"]


@pytest.mark.usefixtures("repository")
def test_same_seed_repeats_and_another_seed_differs():
    first, again, other = sha256(run()), sha256(run()), sha256(run(seed=2))
    assert first == again != other


def test_wrong_temperatures_and_too_many_samples_are_one_clear_error(repository):
    with pytest.raises(SystemExit, match="floor.n_samples: 201 is more than the reference has"):
        run(n_samples=201)
    save_npz(paths.reference("lj4"), repository | {"temperatures": np.array([3.0, 1.0])})
    with pytest.raises(SystemExit, match=r"lj4.npz: temperatures: are \[3.0, 1.0\]"):
        run()
