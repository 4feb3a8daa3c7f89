"""Proves that a figure is a function of its CSV alone, byte for byte, and draws what the CSV names."""

import ast
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from experiments.files import sha256
from experiments.plot_data import write_mixture, write_system
from figures import lj13_annealing, lj13_budget, lj13_histograms, mixture, style

SCRIPTS = (mixture, lj13_budget, lj13_histograms, lj13_annealing)


@pytest.fixture
def frames(repository: Path) -> dict[str, pd.DataFrame]:
    write_mixture(root=repository)
    write_system("lj13", root=repository)
    return {script.STEM: pd.read_csv(repository / f"figures/{script.STEM}.csv") for script in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.STEM)
def test_drawing_twice_gives_equal_bytes(
    script: ModuleType, frames: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    for folder in ("first", "second"):
        style.save(script.draw(frames[script.STEM]), script.STEM, folder=tmp_path / folder)
    for kind in ("pdf", "png"):
        first, second = (tmp_path / f"{folder}/{script.STEM}.{kind}" for folder in ("first", "second"))
        assert sha256(first) == sha256(second)


def test_other_numbers_give_other_bytes(frames: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    frame = frames["mixture"]
    style.save(mixture.draw(frame), "first", folder=tmp_path)
    style.save(mixture.draw(frame.assign(**{"variance_error [length^2]": 0.1})), "second", folder=tmp_path)
    assert sha256(tmp_path / "first.png") != sha256(tmp_path / "second.png")


def test_curve_without_a_look_is_refused(frames: dict[str, pd.DataFrame]) -> None:
    frame = frames["lj13_budget"].replace({"method": {"hot_hmc": "cold_hmc"}})
    with pytest.raises(ValueError, match="no look for cold_hmc"):
        lj13_budget.draw(frame)


def test_every_curve_of_the_csv_is_drawn(frames: dict[str, pd.DataFrame]) -> None:
    assert set(frames["mixture"]["weighting"]) == {*style.WEIGHTINGS, "independent"}
    assert set(frames["lj13_budget"]["method"]) == {*style.METHODS, "published", "floor"}


@pytest.mark.parametrize("looks", [style.WEIGHTINGS, style.METHODS], ids=["weightings", "methods"])
def test_curves_differ_without_colour(looks: dict[str, style.Look]) -> None:
    assert len({look.marker for look in looks.values()}) == len(looks)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.STEM)
def test_script_is_named_after_its_figure_and_computes_nothing(script: ModuleType) -> None:
    file = Path(script.__file__)
    assert file.stem == script.STEM
    tree = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    modules = {node.module for node in tree if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in modules} <= {"figures", "matplotlib", "itertools"}
