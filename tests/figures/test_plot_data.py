"""Proves that the CSVs of the figures hold the right statistics of the stored results, with their units."""

import csv
import re
from pathlib import Path

import pytest

from experiments.files import DataFileError, load_json, save_json
from experiments.plot_data import write_mixture, write_system
from experiments.plot_peptide import write_peptide
from experiments.plot_rows import rms_error

LJ_STEMS = ("lj13_budget", "lj13_histograms", "lj13_annealing")
PEPTIDE_KINDS = ("ramachandran", "energy", "tica", "budget", "annealing", "conformations")
STEMS = ("mixture", *LJ_STEMS, *(f"aldp_{kind}" for kind in PEPTIDE_KINDS))
NAMES = {"weighting", "method", "seed", "residue", "basin", "conformation", "element_first", "element_second"}


def table(repository: Path, stem: str) -> list[dict[str, str]]:
    write_mixture(root=repository)
    write_system("lj13", root=repository)
    write_peptide("aldp", root=repository)
    with (repository / f"figures/{stem}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("stem", STEMS)
def test_every_number_has_a_unit_in_its_header(repository: Path, stem: str) -> None:
    header = table(repository, stem)[0].keys()
    assert all(name in NAMES or re.fullmatch(r"[A-Za-z_0-9]+ \[[^\[\] ]+\]", name) for name in header)


def test_rms_error_counts_bias_and_spread() -> None:
    assert rms_error([3.0, 5.0], 4.0) == (1.0, 0.0)
    error, spread = rms_error([4.0, 6.0], 4.0)
    assert error == pytest.approx(2**0.5)
    assert spread == pytest.approx(8**0.5 / 2**0.5 / (2 * 2**0.5)), (
        "squares 0 and 4 have the deviation sqrt(8)"
    )


def test_weighting_without_log_z_has_an_empty_cell(repository: Path) -> None:
    rows = table(repository, "mixture")
    empty = {row["weighting"] for row in rows if not row["log_z_error [1]"]}
    assert empty == {"unweighted", "independent"}


def test_budget_row_is_mean_and_range_over_seeds(repository: Path) -> None:
    stored = [load_json(repository / f"figures/data/lj13-budget-hot_hmc-{seed}.json") for seed in (1, 2, 3)]
    values = [seed["points"][0]["metrics"]["energy_w2"]["value"] for seed in stored]
    row = next(row for row in table(repository, "lj13_budget") if row["method"] == "hot_hmc")
    found = [float(row[f"energy_w2{part} [kT]"]) for part in ("_low", "", "_high")]
    assert found == pytest.approx([min(values), sum(values) / 3, max(values)])


def test_pita_stands_at_its_whole_budget_and_at_that_of_sampling(repository: Path) -> None:
    evals = {row["method"]: row["energy_evals [1]"] for row in table(repository, "lj13_budget")}
    assert (float(evals["pita"]), float(evals["pita_sampling"])) == (940_000, 40_000)
    assert evals["published"] == evals["floor"] == ""


def test_trace_keeps_every_seed_rung_and_level(repository: Path) -> None:
    rows = table(repository, "lj13_annealing")
    assert len(rows) == 3 * 2 * 40
    assert float(rows[-1]["sigma [r_min]"]) == pytest.approx(0.03)
    assert max(float(row["unique_ancestors_fraction [1]"]) for row in rows) <= 1


def test_bins_that_differ_between_seeds_are_refused(repository: Path) -> None:
    path = repository / "figures/data/lj13-chain-rungs-2.json"
    stored = load_json(path)
    stored["rungs"][0]["energy_edges"][0] -= 1
    save_json(path, stored)
    with pytest.raises(DataFileError, match=r"energy_edges at T = 1.2 differ between seeds"):
        write_system("lj13", root=repository)


def test_missing_budgets_are_named(repository: Path) -> None:
    for path in (repository / "figures/data").glob("lj13-budget-*"):
        path.unlink()
    with pytest.raises(DataFileError, match=r"no file matches lj13-budget"):
        write_system("lj13", root=repository)
