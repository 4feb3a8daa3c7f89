"""Proves that the pipeline, the documents and the tables speak of the files that are there."""

import csv
import re
from pathlib import Path

import pytest
import yaml

from experiments.claims import load_claims
from experiments.dependencies import script_dependencies, stage_problems

ROOT = Path(__file__).parents[1]
TOP_LEVEL = (
    r"(?:paper|experiments|pita|figures|tests|\.ci|\.dvc)/|dvc\.|[\w.-]+\.(?:md|toml|txt|cff)$|LICENSE$"
)
DOCUMENTS = ("README.md", "paper/README.md", "paper/findings.md")


def named_paths(text: str) -> list[str]:
    """Paths named in backticks, links and commands of a document; `<...>` and `{...}` stand for any text."""
    spans = re.findall(r"`([^`\n]+)`", text) + re.findall(r"\]\(([^)#]+)\)", text)
    words = [word.rstrip(".,;:") for span in spans for word in span.split()]
    modules = re.findall(r"python -m ((?:experiments|figures)[\w.]*)", text)
    paths = [word for word in words if re.match(TOP_LEVEL, word) and re.fullmatch(r"[\w.<>{}*/,-]+", word)]
    return paths + [module.replace(".", "/") + ".py" for module in modules]


def ignored(path: str, ignore_file: str) -> bool:
    """Whether `path` lies in a folder that `.gitignore` names from the root, and so is made by a stage."""
    folders = [line.strip("/") + "/" for line in ignore_file.splitlines() if line.startswith("/")]
    return any(f"{path}/".startswith(folder) for folder in folders)


def missing_paths(text: str, *, root: Path) -> list[str]:
    ignore_file = (root / ".gitignore").read_text(encoding="utf-8")
    patterns = {path: re.sub(r"<[^>]*>|\{[^}]*\}", "*", path).rstrip("/") for path in named_paths(text)}
    return [
        path
        for path, pattern in patterns.items()
        if not ignored(path, ignore_file) and not any(root.glob(pattern))
    ]


def missing_published(root: Path) -> list[str]:
    """Published entries of systems that have been run which the written table does not show."""
    missing = []
    claims = load_claims(root)
    for entry in claims.published:
        if claims.systems[entry.system]:
            with (root / f"figures/tables/{entry.system}.csv").open(encoding="utf-8") as file:
                rows = [line for line in csv.DictReader(file) if line["source"] == "published"]
            shown = next((line for line in rows if line["method"] == entry.method), {})
            for metric, printed in entry.metrics.items():
                if shown.get(metric) is None or float(shown[metric]) != float(printed.split()[0]):
                    missing.append(f"{entry.system}: {entry.method}: {metric} = {printed}")
    return missing


def test_every_stage_lists_the_modules_its_script_imports() -> None:
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    problems = stage_problems(pipeline, root=ROOT)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_a_document_names_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert len(named_paths(text)) > 5, "the search for paths finds too few"
    assert not missing_paths(text, root=ROOT)


def test_the_table_of_the_readme_is_the_summary() -> None:
    summary = (ROOT / "figures/tables/summary.md").read_text(encoding="utf-8")
    assert summary.count("\n") > 10
    assert summary in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_published_number_stands_in_the_table() -> None:
    assert not missing_published(ROOT)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    for name, text in {
        "pita/__init__.py": '"""Nothing but a docstring."""\n',
        "pita/metrics/__init__.py": "from pita.metrics import distance\n",
        "pita/metrics/distance.py": "import pita.geometry\n",
        "pita/geometry.py": "import torch\n",
        "pita/smc.py": "",
        "experiments/judge.py": "def main():\n    from pita.metrics.distance import distance_w2\n",
        ".gitignore": "*.partial\n/experiments/samples/\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_dependencies_follow_imports_to_the_end(small: Path) -> None:
    assert script_dependencies(Path("experiments/judge.py"), root=small) == [
        "experiments/judge.py",
        "pita/geometry.py",
        "pita/metrics/__init__.py",
        "pita/metrics/distance.py",
    ]


def test_missing_and_needless_dependencies_are_found(small: Path) -> None:
    needed = script_dependencies(Path("experiments/judge.py"), root=small)
    command = "python -m experiments.judge ${item.system} 1"
    stage = {"foreach": [1], "do": {"cmd": command, "deps": ["figures/data/a.json", *needed]}}
    assert stage_problems({"stages": {"judge": stage}}, root=small) == []
    stage = {"cmd": "python experiments/judge.py", "deps": ["pita/smc.py", *needed[:-1]]}
    assert stage_problems({"stages": {"judge": stage}}, root=small) == [
        "judge: deps lacks pita/metrics/distance.py",
        "judge: deps has pita/smc.py, which is not imported",
    ]
    stages = {"absent": {"cmd": "python -m experiments.absent"}, "shell": {"cmd": "true"}}
    assert len(stage_problems({"stages": stages}, root=small)) == 2


def test_absent_paths_are_found(small: Path) -> None:
    text = (
        "See `pita/geometry.py`, [distance](pita/metrics/distance.py), `pita/<module>.py`, `a/b`, "
        "`experiments/samples/lj13.npz`, `pita/gone.py`, [gone](paper/gone.md) and "
        "`figures/<system>.csv`; run\n"
        "```\npython -m experiments.judge lj13\npython -m experiments.gone\n```\n"
    )
    assert missing_paths(text, root=small) == [
        "pita/gone.py",
        "figures/<system>.csv",
        "paper/gone.md",
        "experiments/gone.py",
    ]


def test_published_number_absent_from_the_table_is_found(small: Path) -> None:
    (small / "paper").mkdir()
    claims = (ROOT / "paper/claims.toml").read_text(encoding="utf-8")
    (small / "paper/claims.toml").write_text(re.sub("(aldp|al3) = true", r"\1 = false", claims))
    (small / "figures/tables").mkdir(parents=True)
    (small / "figures/tables/lj13.csv").write_text(
        "method,source,distance_w2,energy_w2,geometric_w2\nPITA,published,0.04,2.62,1.65\n"
    )
    missing = missing_published(small)
    assert "lj13: PITA: energy_w2 = 2.26 ± 0.21" in missing
    assert not [entry for entry in missing if entry.startswith("lj13: PITA: distance_w2")]
