"""Proves that the gates of a cluster run, and that their rows are what they were, column by column."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments import floor, gates, paths, reference, train_gate
from experiments.config import ConfigError
from experiments.files import load_json, load_npz
from experiments.gate_rows import judged
from experiments.gate_variants import hotter_sets, ladder_of, load_gates
from experiments.settings import load_system
from pita.metrics.distance import distance_w2
from pita.metrics.energy import energy_w1, energy_w2
from pita.resampling import systematic
from tests.experiments.gate_case import GATES, step_done, write_gates
from tests.experiments.tiny_case import copied_weights, repository

CONDITIONED = GATES.replace('heads = "energy"', 'heads = "energy"\nconditioned = true')
LJ13_TABLE = Path(__file__).parents[2] / "figures/tables/gates.csv"


@pytest.fixture(scope="module")
def judgeable(tmp_path_factory, tiny_weights):
    """A tiny repository with a reference, floors and a trained ladder."""
    root = tmp_path_factory.mktemp("gates")
    with pytest.MonkeyPatch.context() as patch:
        repository(root, patch)
        copied_weights(tiny_weights, root)
        reference.main(["tiny"])
        floor.main(["tiny"])
    return root


@pytest.fixture
def tiny(judgeable, monkeypatch):
    """The same with gates."""
    repository(judgeable, monkeypatch)
    monkeypatch.setattr(paths, "TABLES", judgeable / "figures/tables")
    write_gates()
    return judgeable


def test_gates_are_trained_and_judged(tiny):
    for variant in ("energy", "drift"):
        train_gate.main(["tiny", variant])
    gates.main(["tiny"])
    rows = load_json(paths.DATA / "tiny-gates.json")["rows"]
    assert [(row["gate"], row["variant"], row["samples"], row["temperature"]) for row in rows] == [
        (gate, variant, samples, temperature)
        for gate, variant, temperature in ((1, "ladder, seed 1", 2.0), (2, "energy", 1.0), (2, "drift", 1.0))
        for samples in ("as sampled", "landed")
    ]
    drift = rows[4:]
    assert all(row["landing_ess"] == row["path_ess_min"] == 1.0 for row in drift)
    # Power 0 and no moves leave the particles alone: what is landed is what was sampled.
    assert drift[0]["energy_w1"] == drift[1]["energy_w1"]
    with (tiny / "figures/tables/tiny-gates.csv").open() as ours, LJ13_TABLE.open() as theirs:
        assert next(csv.reader(ours)) == next(csv.reader(theirs))
    assert [row["n_samples"] for row in rows] == [64, 32, 64, 64, 64, 64]
    assert len((tiny / "figures/tables/tiny-gates.md").read_text().splitlines()) == 2 + len(rows)


@pytest.mark.usefixtures("tiny")
def test_a_conditioned_variant_learns_every_hotter_temperature():
    write_gates(CONDITIONED)
    settings = load_gates("tiny")
    (hotter,) = hotter_sets("tiny", settings, "energy")
    assert hotter.beta == 1 / load_system("tiny").temperatures[0]
    reference_there = load_npz(paths.reference("tiny"))["x_second"][0][: settings.n_training]
    np.testing.assert_array_equal(hotter.x.numpy(), reference_there)
    assert hotter_sets("tiny", settings, "drift") == []
    widths = []
    for text in (GATES, CONDITIONED):
        write_gates(text)
        train_gate.main(["tiny", "energy"])
        weights = load_npz(paths.gate_weights("tiny", "energy"))
        widths.append(weights["rung0/energy_head.network.trunk.embedding.layers.0.weight"].shape[1])
    assert widths[0] < widths[1]


@pytest.mark.usefixtures("tiny")
def test_rows_of_a_cluster_are_evenly_spaced_particles_against_the_first_of_the_reference():
    x = load_npz(paths.reference("tiny"))["x_second"][1][:256]
    log_w = torch.linspace(-1, 1, 256, dtype=torch.float64)
    sampled, landed = judged("tiny", 1, step_done(x, x[:128], log_w=log_w), gate=2, variant="known")
    chosen = systematic(log_w, generator=torch.Generator().manual_seed(1)).numpy()
    theirs = load_npz(paths.reference("tiny"))["x"][1][:64]
    floors = load_json(paths.floor("tiny"))["per_temperature"][1]["metrics"]
    for row, ours in ((sampled, x[chosen][::4]), (landed, x[:128:2])):
        energies = [
            load_system("tiny").target().energy(torch.from_numpy(each).double()).numpy() / 1.4
            for each in (ours, theirs)
        ]
        assert row["distance_w2"] == distance_w2(ours, theirs)
        assert (row["energy_w1"], row["energy_w2"]) == (energy_w1(*energies), energy_w2(*energies))
        assert row["energy_w1_floor"] == floors["energy_w1"]["mean"]
    expected = {"n_samples": 64, "path_ess_min": 0.5, "resamplings": 2, "landing_ess": 0.75}
    assert expected.items() <= sampled.items() and sampled["distance_w2"] != landed["distance_w2"]


def test_a_variant_may_be_landed_in_its_own_way(tmp_path, monkeypatch):
    repository(tmp_path, monkeypatch)
    write_gates()
    settings = load_gates("tiny")
    landings = {name: ladder_of("tiny", settings, name).descent.landing for name in settings.variants}
    assert landings["energy"] == settings.landing and (landings["drift"].power, landings["drift"].thin) == (
        0,
        1,
    )


def test_ladders_of_the_first_gate_are_three_unless_said(tmp_path, monkeypatch):
    repository(tmp_path, monkeypatch)
    write_gates()
    assert load_gates("tiny").seeds == (1,)
    write_gates(GATES.replace("seeds = [1]\n", ""))
    assert load_gates("tiny").seeds == (1, 2, 3)


def test_landing_weights_without_weights_of_the_path_are_refused(tmp_path, monkeypatch):
    repository(tmp_path, monkeypatch)
    write_gates(GATES.replace("landing = { power = 0.0 }\n", ""))
    with pytest.raises(ConfigError, match=r"gates: variants.drift: landing.power must be 0 .*, got 1.0"):
        load_gates("tiny")


def test_lj13_asks_for_what_it_asked():
    settings = load_gates("lj13")
    assert settings.seeds == (1, 2, 3) and settings.compiled
    assert not any(variant.landing for variant in settings.variants.values())
    assert np.all([settings.n_particles % v.annealing.chunk == 0 for v in settings.variants.values()])
    assert gates.TABLES["lj13"] == "gates"
