"""Proves that the CSVs of a peptide's figures hold free energies, densities and bonds of what they name."""

import csv
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from experiments.files import DataFileError, load_json, save_json
from experiments.plot_peptide import write_peptide
from tests.figures import peptide_results as results

KT = "free_energy [kT]"


def table(repository: Path, kind: str) -> list[dict[str, str]]:
    write_peptide("aldp", root=repository)
    with (repository / f"figures/aldp_{kind}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_free_energies_give_back_the_fractions_of_the_samples(repository: Path) -> None:
    stored = load_json(repository / "figures/data/aldp-chain-rungs-1.json")["rungs"][1]["rama_reference"][0]
    rows = [
        row
        for row in table(repository, "ramachandran")
        if row["method"] == "reference" and float(row["temperature [K]"]) == 300.0
    ]
    weights = np.exp([-float(row[KT]) for row in rows])
    assert weights / weights.sum() == pytest.approx(np.array(stored["count"]) / results.N, rel=1e-6)
    assert {float(row["phi_right [degree]"]) - float(row["phi_left [degree]"]) for row in rows} == {10.0}
    assert weights.max() == 1.0


def test_every_bin_lies_where_its_angles_are(repository: Path) -> None:
    """The seeds' reference has its fullest bin in beta: exchanged axes would put it elsewhere."""
    rows = [row for row in table(repository, "ramachandran") if row["method"] == "reference"]
    fullest = [row for row in rows if float(row[KT]) == 0.0]
    for row in fullest:
        assert -130 <= float(row["phi_left [degree]"]) < -40
        assert float(row["psi_left [degree]"]) > 100 or float(row["psi_left [degree]"]) < -160


def test_pita_and_the_reference_have_every_rung_and_other_methods_the_last(repository: Path) -> None:
    found = defaultdict(set)
    for row in table(repository, "ramachandran"):
        found[row["method"]].add(float(row["temperature [K]"]))
    assert found.pop("reference") == found.pop("pita") == set(results.LADDER[1:])
    assert found == {method: {300.0} for method in results.SAMPLED if method != "pita"}


def test_energies_are_densities_relative_to_the_reference_mean(repository: Path) -> None:
    rows = [row for row in table(repository, "energy") if row["method"] == "md"]
    left, right, reference = (
        np.array([float(row[name]) for row in rows])
        for name in (
            "reduced_energy_left [kT]",
            "reduced_energy_right [kT]",
            "reduced_energy_density_reference [1/kT]",
        )
    )
    mass = reference * (right - left)
    assert mass.sum() == pytest.approx(1.0, abs=0.01)
    assert (mass * (left + right) / 2).sum() == pytest.approx(0.0, abs=0.1)


def test_what_lies_outside_the_plane_completes_what_lies_inside(repository: Path) -> None:
    counts = load_json(repository / "figures/data/aldp-map-md-1.json")["tica"]["count"]
    row = next(row for row in table(repository, "tica") if row["method"] == "md")
    assert float(row["outside_fraction [1]"]) == pytest.approx(1 - sum(counts) / results.N)


def test_a_free_energy_difference_that_one_seed_does_not_know_is_empty(repository: Path) -> None:
    rows = [row for row in table(repository, "budget") if row["method"] == "md"]
    first, *later = [row["delta_f_error_kcal [kcal/mol]"] for row in rows]
    assert first == "" and all(later) and rows[0]["energy_w1 [kT]"]


def test_published_row_has_its_budget_and_only_the_metrics_that_were_printed(repository: Path) -> None:
    rows = {row["method"]: row for row in table(repository, "budget")}
    published = rows["published"]
    assert float(published["energy_evals [1]"]) == 5e7 and float(published["torus_w2 [rad]"]) == 0.27
    assert published["delta_f_error_kcal [kcal/mol]"] == rows["floor"]["delta_f_error_kcal [kcal/mol]"] == ""


def test_traces_are_in_kelvin_and_nanometres(repository: Path) -> None:
    assert {"temperature_from [K]", "sigma [nm]"} <= table(repository, "annealing")[0].keys()


def test_bonds_of_drawn_conformations_have_the_length_they_had(repository: Path) -> None:
    rows = table(repository, "conformations")
    lengths = [
        math.dist(*([float(row[f"{c}_{end} [nm]"]) for c in "xyz"] for end in ("first", "second")))
        for row in rows
    ]
    assert lengths == pytest.approx([0.15] * len(rows), abs=1e-6)
    populations = {row["basin"]: float(row["population [1]"]) for row in rows}
    assert list(populations) == ["beta", "alpha", "left-handed"]
    assert sum(populations.values()) == pytest.approx(1.0)


def test_bins_that_differ_between_seeds_are_refused(repository: Path) -> None:
    path = repository / "figures/data/aldp-chain-rungs-2.json"
    stored = load_json(path)
    stored["rungs"][0]["reduced_energy_edges"][0] -= 1
    save_json(path, stored)
    with pytest.raises(DataFileError, match=r"reduced_energy_edges at T = 400.0 differ between seeds"):
        write_peptide("aldp", root=repository)


def test_missing_maps_are_named(repository: Path) -> None:
    (repository / "figures/data/aldp-maps.json").unlink()
    with pytest.raises(DataFileError, match=r"aldp-maps.json: no such file"):
        write_peptide("aldp", root=repository)


def test_both_kinds_of_pita_stand_at_their_own_budgets(repository: Path) -> None:
    evals = {row["method"]: float(row["energy_evals [1]"] or "nan") for row in table(repository, "budget")}
    found = {name: value for name, value in evals.items() if name.startswith("pita")}
    assert found == {
        "pita": 940_000,
        "pita_sampling": 40_000,
        "pita_renoised": 941_000,
        "pita_renoised_sampling": 41_000,
    }


def test_what_the_table_of_a_larger_budget_has_are_further_points(repository: Path) -> None:
    params, data = repository / "experiments/params", repository / "figures/data"
    before = table(repository, "budget")
    params.mkdir(parents=True)
    (params / "aldp-large.toml").touch()
    run = load_json(data / "aldp-pita-1.json")
    bill = {part: 4 * count for part, count in run["energy_evals"].items()}
    for method in ("pita", "pita_renoised", *results.METHODS):
        save_json(data / f"aldp-large-{method}-1.json", run | {"energy_evals": bill})
    after = table(repository, "budget")
    added = [row for row in after if row not in before]
    assert [row for row in after if row in before] == before
    assert {(row["method"], float(row["energy_evals [1]"])) for row in added} == {
        *((method, 3_760_000) for method in ("pita", "pita_renoised", *results.METHODS)),
        ("pita_sampling", 160_000),
        ("pita_renoised_sampling", 160_000),
    }
