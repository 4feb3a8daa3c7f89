"""Proves that every stage of the table works on what those before it wrote, from reference to metrics."""

from experiments import baseline, evaluate, floor, paths, reference, sample
from experiments.classical import RUNS
from experiments.files import load_json
from experiments.results import floor_row
from tests.experiments.tiny_case import copied_weights, repository

METHODS = ("pita", "pita_feynman_kac", "fkc_end", "score_scaling")


def test_every_method_is_sampled_and_judged(tmp_path, monkeypatch, tiny_weights):
    repository(tmp_path, monkeypatch)
    copied_weights(tiny_weights, tmp_path)
    reference.main(["tiny"])
    floor.main(["tiny"])
    for method in METHODS:
        sample.main(["tiny", method, "1"])
    for method in RUNS:
        baseline.main(["tiny", method, "1"])
    metrics = floor_row("tiny", root=tmp_path).metrics.keys()
    for method in (*METHODS, *RUNS):
        evaluate.main(["tiny", method, "1", "--workers", "1"])
        run = load_json(paths.metrics("tiny", method, 1))
        assert run["metrics"].keys() == metrics and run["n_samples"] == 64
        phases = run["energy_evals"]
        assert phases["total"] == phases["initial"] + phases["ladder"] + phases["sample"] > 0
        if method in RUNS:
            assert phases["total"] <= 8000
