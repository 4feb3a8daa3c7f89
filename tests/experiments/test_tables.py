"""Proves that a table shows the means over seeds, the floor and the published numbers, and nothing else."""

import csv
import json
from pathlib import Path

import pytest

from experiments.claims import load_claims, parse_printed
from experiments.config import ConfigError
from experiments.files import DataFileError, save_json, sha256
from experiments.results import floor_row, our_rows
from experiments.tables import write_seed_table, write_tables


def read(repository: Path) -> dict[str, dict[str, str]]:
    write_tables("lj13", root=repository)
    with (repository / "figures/tables/lj13.csv").open(encoding="utf-8") as file:
        return {line["method"]: line for line in csv.DictReader(file)}


def test_our_row_is_mean_and_standard_error_over_seeds(repository: Path) -> None:
    row = read(repository)["pita"]
    assert float(row["energy_w2"]) == 2.0
    assert float(row["energy_w2_se"]) == pytest.approx(1 / 3**0.5, rel=1e-9)
    assert (row["source"], row["n_seeds"], row["n_samples"]) == ("ours", "3", "2048")
    assert [row[f"energy_evals{part}"] for part in ("", "_initial", "_ladder", "_sample")] == [
        "3003",
        "1",
        "2",
        "3000",
    ]


def test_what_is_not_known_says_so(repository: Path) -> None:
    rows = read(repository)
    assert rows["hmc"]["energy_w2_se"] == "not known", "one seed has no standard error"
    published = rows["PITA_0"]
    assert (published["source"], published["energy_w2"], published["energy_w2_se"]) == (
        "published",
        "2.26",
        "0.21",
    )
    for name in ("n_seeds", "energy_evals", "energy_evals_sample", "distance_w2", "distance_w2_se"):
        assert published[name] == "not known"
    assert all(text for row in rows.values() for text in row.values())


def test_rows_are_floor_ours_published_and_columns_keep_their_order(repository: Path) -> None:
    rows = read(repository)
    assert list(rows) == ["noise floor", "hmc", "pita", "PITA_0"]
    assert list(rows["hmc"])[-4:] == ["distance_w2", "distance_w2_se", "energy_w2", "energy_w2_se"]


def test_another_budget_of_a_system_has_a_table_of_its_own_with_the_floor_of_the_system(
    repository: Path,
) -> None:
    data = repository / "figures/data"
    before = read(repository)
    run = json.loads((data / "lj13-pita-1.json").read_text(encoding="utf-8"))
    save_json(data / "lj13-large-pita-1.json", run | {"system": "lj13-large"})
    assert read(repository) == before, "a run of another budget is in the table of the first"
    write_tables("lj13-large", root=repository)
    with (repository / "figures/tables/lj13-large.csv").open(encoding="utf-8") as file:
        rows = {line["method"]: line for line in csv.DictReader(file)}
    assert list(rows) == ["noise floor", "pita", "PITA_0"]
    assert (rows["pita"]["n_seeds"], float(rows["pita"]["energy_w2"])) == ("1", 1.0)
    assert rows["noise floor"]["energy_w2"] == before["noise floor"]["energy_w2"]


def changed_metrics(repository: Path, method: str, seed: int, **metrics: dict | None) -> None:
    path = repository / f"figures/data/lj13-{method}-{seed}.json"
    run = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(run | {"metrics": run["metrics"] | metrics}), encoding="utf-8")


def test_a_metric_that_one_seed_could_not_give_is_not_known_for_the_method(repository: Path) -> None:
    for seed, score in ((1, {"value": 0.2, "se": 0.1}), (2, None), (3, {"value": 0.4, "se": 0.1})):
        changed_metrics(repository, "pita", seed, delta_f_error_kcal=score)
    rows = read(repository)
    assert rows["pita"]["delta_f_error_kcal"] == rows["pita"]["delta_f_error_kcal_se"] == "not known"
    assert float(rows["pita"]["energy_w2"]) == 2.0
    changed_metrics(repository, "pita", 2, delta_f_error_kcal={"value": 0.6, "se": 0.1})
    assert float(read(repository)["pita"]["delta_f_error_kcal"]) == pytest.approx(0.4)


def test_a_metric_that_one_method_has_is_not_known_for_the_others_and_stands_in_its_place(
    repository: Path,
) -> None:
    score = {"value": 0.2, "se": 0.1}
    later = {"rama_tv": score, "delta_f_error_kcal": score, "torus_w2": score, "rama_js": score}
    changed_metrics(repository, "hmc", 1, **later)
    rows = read(repository)
    assert (float(rows["hmc"]["rama_js"]), rows["pita"]["rama_js"]) == (0.2, "not known")
    metrics = [name for name in rows["hmc"] if f"{name}_se" in rows["hmc"]]
    assert metrics == ["distance_w2", "energy_w2", "torus_w2", "rama_js", "rama_tv", "delta_f_error_kcal"]


def test_notes_name_the_units_of_the_metrics_of_the_table_and_of_no_other(repository: Path) -> None:
    write_tables("lj13", root=repository)
    assert "radians" not in (repository / "figures/tables/lj13.md").read_text(encoding="utf-8")
    changed_metrics(repository, "hmc", 1, torus_w2={"value": 0.2, "se": 0.1})
    write_tables("lj13", root=repository)
    text = (repository / "figures/tables/lj13.md").read_text(encoding="utf-8")
    assert "Torus W2 in radians" in text and "kcal/mol" not in text


def test_markdown_and_tex_print_the_same_numbers(repository: Path) -> None:
    write_tables("lj13", root=repository)
    markdown = (repository / "figures/tables/lj13.md").read_text(encoding="utf-8")
    assert "| pita | ours | 3 | 2048 | 3,003 | 1 | 2 | 3,000 | 0.04 ± 0 | 2.00 ± 0.58 |" in markdown
    assert "2.26 ± 0.21" in markdown and "- PITA_0: Table 1\n" in markdown
    assert len({line.count("|") for line in markdown.splitlines() if line.startswith("|")}) == 1
    tex = (repository / "figures/tables/lj13.tex").read_text(encoding="utf-8")
    assert r"pita & ours & 3" in tex and r"2.00 $\pm$ 0.58" in tex and r"PITA\_0" in tex


def test_same_results_give_the_same_bytes(repository: Path) -> None:
    files = [repository / f"figures/tables/lj13.{suffix}" for suffix in ("csv", "md", "tex")]
    write_tables("lj13", root=repository)
    first = [sha256(file) for file in files]
    write_tables("lj13", root=repository)
    assert [sha256(file) for file in files] == first


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("seed", 4, "named otherwise"),
        ("energy_evals", {"initial": 1, "ladder": 2, "sample": 3, "total": 7}, "total is not"),
        ("energy_evals", {"total": 7}, "initial, ladder, sample missing"),
        ("metrics", {"energy_w2": {"value": 1.0}}, r"metrics\.energy_w2: must have numbers value and se"),
        ("metrics", {"energy_w2": {"value": 1.0, "se": 0.1}}, "metrics or n_samples differ"),
        ("n_samples", 1000, "metrics or n_samples differ"),
    ],
)
def test_result_that_contradicts_itself_is_named(
    repository: Path, key: str, value: object, message: str
) -> None:
    path = repository / "figures/data/lj13-pita-2.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(DataFileError, match=f"lj13-pita-2.*{message}"):
        our_rows("lj13", root=repository)


def test_absent_floor_is_named(repository: Path) -> None:
    (repository / "figures/data/lj13-floor.json").unlink()
    with pytest.raises(DataFileError, match=r"lj13-floor\.json: no such file"):
        floor_row("lj13", root=repository)


def test_printed_numbers_are_read_literally() -> None:
    assert parse_printed("30.78 ± 24.46") == (30.78, 24.46)
    assert parse_printed("0.127") == (0.127, None)
    with pytest.raises(ValueError, match="'2,26'"):
        parse_printed("2,26")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2.26 ± 0.21", "2.26 +- 0.21", "a printed number must read"),
        ('published = "PITA_0"', 'published = "PITA_1"', "refers to a number that no"),
        ("aldp = false\n", "", "'aldp' of .* is not among"),
    ],
)
def test_claim_without_a_published_number_is_refused(
    repository: Path, old: str, new: str, message: str
) -> None:
    path = repository / "paper/claims.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=f"claims.toml: .*{message}"):
        load_claims(repository)


def test_the_table_of_one_seed_shows_its_values_and_no_other(repository: Path) -> None:
    write_seed_table("lj13", 2, root=repository)
    text = (repository / "figures/tables/lj13-seed-2.md").read_text(encoding="utf-8")
    run = json.loads((repository / "figures/data/lj13-pita-2.json").read_text(encoding="utf-8"))
    (line,) = (line for line in text.splitlines() if line.startswith("| pita |"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[2] == "1" and f"{run['metrics']['energy_w2']['value']:.3g}" in cells
    assert "noise floor" in text and "PITA" in text
