"""Proves that each aim gets its verdict and that a table cell without a source stops the comparison."""

import json
from pathlib import Path

import pytest

from experiments import compare as stage
from experiments.compare import compare
from experiments.files import DataFileError
from experiments.tables import write_tables


@pytest.fixture
def tabulated(repository: Path) -> Path:
    write_tables("lj13", root=repository)
    return repository


def test_every_aim_gets_pass_fail_or_not_run(tabulated: Path) -> None:
    found = {(v.system, v.method, v.metric, v.asked): v.verdict for v in compare(tabulated)}
    assert found == {
        ("lj13", "pita", "energy_w2", "PITA_0, published, within 0.2"): "pass",  # 2.0 against 2.26 + 0.2
        ("aldp", "pita", "energy_w2", "PITA_0, published, within 0"): "not run",
        ("lj13", "pita", "energy_w2", "to reach"): "fail",  # 2.0 against 0.5
        ("lj13", "hmc", "distance_w2", "to reach: 2 x floor"): "fail",  # 0.021 against 2 x 0.01
        ("lj13", "hmc", "distance_w2", "beyond: 2 x floor + sd"): "pass",  # ... + 0.002
        ("lj13", "hmc", "energy_evals", "beyond"): "fail",  # 3003 against 6
    }


def test_method_without_results_is_not_run(tabulated: Path) -> None:
    (tabulated / "figures/data/lj13-hmc-1.json").unlink()
    write_tables("lj13", root=tabulated)
    assert {v.verdict for v in compare(tabulated) if v.method == "hmc"} == {"not run"}


def test_a_budget_of_a_system_is_asked_what_its_system_is(tabulated: Path) -> None:
    claims = tabulated / "paper/claims.toml"
    text = claims.read_text(encoding="utf-8")
    claims.write_text(text.replace("[systems]\n", "[systems]\nlj13-large = true\n"), encoding="utf-8")
    run = json.loads((tabulated / "figures/data/lj13-hmc-1.json").read_text(encoding="utf-8"))
    run |= {"system": "lj13-large", "energy_evals": run["energy_evals"] | {"sample": 2, "total": 5}}
    (tabulated / "figures/data/lj13-large-hmc-1.json").write_text(json.dumps(run), encoding="utf-8")
    write_tables("lj13-large", root=tabulated)
    found = {(v.system, v.method, v.metric, v.asked): v.verdict for v in compare(tabulated)}
    assert [system for system, *_ in found].count("lj13-large") == 4  # targets, and no claims
    assert found["lj13-large", "hmc", "energy_evals", "beyond"] == "pass"
    assert found["lj13", "hmc", "energy_evals", "beyond"] == "fail"


def test_a_number_that_a_run_could_not_give_fails_and_is_left_blank(tabulated: Path) -> None:
    path = tabulated / "figures/data/lj13-hmc-1.json"
    run = json.loads(path.read_text(encoding="utf-8"))
    run["metrics"]["distance_w2"] = None
    path.write_text(json.dumps(run), encoding="utf-8")
    write_tables("lj13", root=tabulated)
    found = [v for v in compare(tabulated) if (v.method, v.metric) == ("hmc", "distance_w2")]
    assert [(v.verdict, v.ours) for v in found] == [("fail", None)] * 2
    del run["metrics"]["distance_w2"]
    path.write_text(json.dumps(run), encoding="utf-8")
    write_tables("lj13", root=tabulated)
    found = [v for v in compare(tabulated) if (v.method, v.metric) == ("hmc", "distance_w2")]
    assert [v.verdict for v in found] == ["not run"] * 2


def test_verdict_is_written_and_printed(
    tabulated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tabulated)
    stage.main()
    printed = capsys.readouterr().out
    assert printed == (tabulated / "figures/tables/verdict.md").read_text(encoding="utf-8")
    assert "| fail | lj13 | pita | energy_w2 | to reach | 0.5 | 2 | 0.5774 |" in printed
    assert (tabulated / "figures/tables/verdict.csv").read_text().count("\n") == 7


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hmc,ours,1,2048,3003", "hmc,ours,1,2048,1003", r"row hmc: energy_evals: '1003' has no source"),
        ("PITA_0,published", "PITA_0,", r"row PITA_0: source: '' has no source"),
        ("2.26,0.21", "2.26,0.01", r"row PITA_0: energy_w2_se: '0.01' has no source"),
        ("pita,ours", "better,ours", r"row better: has no source"),
        ("noise floor,floor,none,2048,none,none,none,none,0.01,0.002,0.36,0.07\n", "", "give the rows"),
    ],
)
def test_cell_without_a_source_ends_with_status_one(
    tabulated: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    path = tabulated / "figures/tables/lj13.csv"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(DataFileError, match=message):
        compare(tabulated)
    monkeypatch.chdir(tabulated)
    with pytest.raises(SystemExit, match=message):
        stage.main()


def test_absent_table_of_a_system_that_has_been_run_is_an_error(repository: Path) -> None:
    with pytest.raises(DataFileError, match=r"lj13\.csv: no such file"):
        compare(repository)
