"""Proves that the chain stage compares every rung with the reference of its own temperature."""

import numpy as np
import pytest
import torch

from experiments import chain, histograms, paths
from experiments.files import load_json, load_npz, save_npz, sha256
from experiments.settings import load_system
from tests.experiments.tiny_case import copied_weights, repository


@pytest.fixture(autouse=True)
def reference(tmp_path, monkeypatch, tiny_weights):
    """Squares that jitter less at every rung, in place of a reference."""
    repository(tmp_path, monkeypatch)
    copied_weights(tiny_weights, tmp_path)
    square = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    noise = np.random.default_rng(1).normal(size=(3, 100, 4, 3))
    x = square + noise * np.array([0.3, 0.2, 0.1])[:, None, None, None]
    save_npz(paths.reference("tiny"), {"temperatures": np.array([2.0, 1.4, 1.0]), "x": x.astype(np.float32)})
    return x


def run():
    chain.main(["tiny", "1"])
    return paths.DATA / "tiny-chain-trace-1.json", paths.DATA / "tiny-chain-rungs-1.json"


def test_traces_follow_every_step_of_the_ladder():
    traces = load_json(run()[0])["rungs"]
    assert [(t["temperature_from"], t["temperature_to"]) for t in traces] == [(2.0, 1.4), (1.4, 1.0)]
    for trace in traces:
        assert len(trace["h"]) == len(trace["ess_fraction"]) == 20
        assert trace["h"][-1] == pytest.approx(0.02**2) and trace["h"] == sorted(trace["h"], reverse=True)
        assert min(trace["ess_fraction"]) > 0 and max(trace["ess_fraction"]) <= 1
        assert trace["n_particles"] == 128 and 1 <= trace["landed_ancestors"] <= 64


def test_histograms_are_densities_of_the_rung_they_name(reference):
    rungs = load_json(run()[1])["rungs"]
    assert [rung["temperature"] for rung in rungs] == [1.4, 1.0]
    target = load_system("tiny").target()
    for rung, x in zip(rungs, reference[1:], strict=True):
        edges, density = (np.array(rung[f"energy_{name}"]) for name in ("edges", "density_reference"))
        assert (density * np.diff(edges)).sum() == pytest.approx(1, abs=0.05)
        energy = target.energy(torch.from_numpy(x[:64].astype(np.float32)).double()).numpy()
        assert edges[0] == pytest.approx(np.quantile(energy, histograms.RANGE[0]))
        assert rung["n_samples"] == 64 and min(rung["metrics"].values()) > 0


def test_same_weights_give_the_same_bytes():
    first = [sha256(path) for path in run()]
    assert [sha256(path) for path in run()] == first


def test_reference_without_samples_is_one_error_that_names_the_file():
    save_npz(paths.reference("tiny"), {"temperatures": load_npz(paths.reference("tiny"))["temperatures"]})
    with pytest.raises(SystemExit, match="error: .*tiny.npz: x: missing"):
        run()
