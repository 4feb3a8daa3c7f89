"""Proves that the summary shows each aim once, beside paper and floor, with the grade it has earned."""

import json
from pathlib import Path

import pytest

from experiments import summary as stage
from experiments.claims import load_claims
from experiments.results import table_rows


def lines(root: Path) -> list[dict[str, str]]:
    claims = load_claims(root)
    text = stage.summary(claims, {"lj13": table_rows("lj13", root=root, claims=claims)})
    header, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines())
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_an_aim_of_pita_is_a_line_and_those_of_other_methods_and_of_systems_not_run_are_none(
    repository: Path,
) -> None:
    claims = repository / "paper/claims.toml"
    claims.write_text(claims.read_text(encoding="utf-8").replace("PITA_0", "PITA"), encoding="utf-8")
    (line,) = lines(repository)  # of six aims and claims one is a target of PITA
    assert (line["system"], line["metric"]) == ("lj13", "energy w2")
    assert line["paper"] == "2.26 ± 0.21"
    assert line["noise floor"] == "0.360 ± 0.070"
    assert line["PITA, from noise"].startswith("2.00")
    assert (line["PITA, from samples"], line["parallel tempering"]) == ("-", "-")
    assert (line["to reach (beyond)"], line["verdict"]) == ("0.5 (not known)", "fail")


@pytest.mark.parametrize(
    ("value", "grade"), [(0.6, "fail"), (0.5, "reached"), (0.3, "reached"), (0.19, "beyond")]
)
def test_the_grade_is_the_highest_that_was_reached(repository: Path, value: float, grade: str) -> None:
    claims = repository / "paper/claims.toml"
    beyond = '\n[[targets]]\nsystem = "lj13"\nmethod = "pita"\nmetric = "energy_w2"\n'
    beyond += 'grade = "beyond"\nat_most = 0.2\nunit = "absolute"\n'
    claims.write_text(claims.read_text(encoding="utf-8") + beyond, encoding="utf-8")
    for path in (repository / "figures/data").glob("lj13-pita-*.json"):
        run = json.loads(path.read_text(encoding="utf-8"))
        run["metrics"]["energy_w2"]["value"] = value
        path.write_text(json.dumps(run), encoding="utf-8")
    (line,) = lines(repository)
    assert (line["to reach (beyond)"], line["verdict"]) == ("0.5 (0.2)", grade)
