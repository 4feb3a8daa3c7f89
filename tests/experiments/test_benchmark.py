"""Proves that each kind of case of the benchmark runs and that its table shows what was measured."""

import pytest

from experiments.benchmark import cases, tables, with_ratios
from experiments.peptide_timing import PeptideEnergyCase
from experiments.timing import AnnealingCase, EnergyCase, TrainingCase, repeated

SMALL = [
    AnnealingCase(kind="pairwise", n_atoms=4, n_particles=2, weighting="feynman_kac"),
    AnnealingCase(kind="egnn", n_atoms=4, n_particles=2, weighting="score_kernel_ratio"),
    TrainingCase(kind="pairwise", n_atoms=4, head="energy", batch_size=2, compiled=False),
    EnergyCase(n_atoms=4, n_configurations=2),
    PeptideEnergyCase(system="aldp", n_configurations=2),
]


@pytest.mark.parametrize("case", SMALL, ids=lambda case: type(case).__name__)
def test_rates_are_positive(case, monkeypatch) -> None:
    monkeypatch.setattr("experiments.timing.PATIENCE", 0.02)
    assert all(value > 0 for value in case.measure().values())


def test_calls_are_repeated_until_the_patience_is_over_and_their_median_counts(monkeypatch) -> None:
    ticks = iter([0.0, 9.0])
    monkeypatch.setattr("experiments.timing.time.perf_counter", lambda: next(ticks))
    assert repeated(lambda: None) == 9.0
    ticks = iter([0.0, 0.1, 0.1, 0.3, 0.3, 2.3])
    assert repeated(lambda: None) == pytest.approx(0.2)


def test_cases_are_distinct_and_compiled_only_on_demand() -> None:
    everything, eager = cases(compiled=True), cases(compiled=False)
    assert len(set(everything)) == len(everything)
    assert {case for case in everything if not getattr(case, "compiled", False)} == set(eager)


def test_annealing_is_compared_with_the_exact_divergence_of_its_kind_and_size() -> None:
    exact = {"kind": "egnn", "n_atoms": 13, "weighting": "feynman_kac", "n_probes": 0}
    exact |= {"heads": "score+energy", "compiled": False, "seconds_per_particle_and_level": 3.0}
    probes = exact | {"n_probes": 1, "seconds_per_particle_and_level": 0.5}
    larger = exact | {"n_atoms": 55, "n_probes": 1}
    training = {"kind": "egnn", "n_atoms": 13, "samples_per_second": 700.0}
    found = with_ratios([probes, exact, larger, training])
    assert [row.get("times_cheaper_than_exact") for row in found] == [6.0, 1.0, None, None]
    assert with_ratios([exact | {"heads": "energy"}, probes]) == [exact | {"heads": "energy"}, probes]


def test_table_shows_the_machine_and_every_kind_of_case() -> None:
    results = [
        {"case": "EnergyCase", "n_atoms": 13, "energies_per_second": 12345.678},
        {"case": "TrainingCase", "kind": "egnn", "samples_per_second": 700.0},
    ]
    text = tables(results, {"cpu": "a processor", "n_threads": 1})
    assert text.startswith("cpu a processor, n_threads 1\n")
    assert "| n atoms | energies per second |" in text and "| 13 | 1.235e+04 |" in text
    assert "| egnn | 700 |" in text
