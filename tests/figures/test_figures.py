"""Proves that a figure is a function of its CSV alone, byte for byte, and draws what the CSV names."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from matplotlib import colormaps
from matplotlib import pyplot as plt
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb

from experiments.files import sha256
from experiments.plot_data import write_mixture, write_system
from experiments.plot_peptide import write_peptide
from figures import (
    annealing,
    budget,
    conformations,
    energy,
    free_energy,
    lj13_histograms,
    mixture,
    ramachandran,
    style,
    tica,
)

ONE_FIGURE = (mixture, lj13_histograms)
PER_SYSTEM = (annealing, budget, conformations, energy, ramachandran, tica)
FIGURES = {script.STEM: script for script in ONE_FIGURE} | {
    f"{system}_{script.KIND}": script
    for system, scripts in (("lj13", (annealing, budget)), ("aldp", PER_SYSTEM))
    for script in scripts
}
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # of linear red, green and blue, ITU-R BT.709


@pytest.fixture(scope="module")
def folder(fill: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The CSVs of all figures."""
    root = fill(tmp_path_factory.mktemp("results"))
    write_mixture(root=root)
    write_system("lj13", root=root)
    write_peptide("aldp", root=root)
    return root / "figures"


@pytest.fixture(scope="module")
def frames(folder: Path) -> dict[str, pd.DataFrame]:
    return {stem: pd.read_csv(folder / f"{stem}.csv") for stem in FIGURES}


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.mark.parametrize("stem", sorted(FIGURES.keys() - {"lj13_annealing", "lj13_budget"}))
def test_drawing_twice_gives_equal_bytes(stem: str, frames: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    for folder in ("first", "second"):
        style.save(FIGURES[stem].draw(frames[stem]), stem, folder=tmp_path / folder)
    for kind in ("pdf", "png"):
        first, second = (tmp_path / f"{folder}/{stem}.{kind}" for folder in ("first", "second"))
        assert sha256(first) == sha256(second)


def test_other_numbers_give_other_bytes(frames: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    frame = frames["mixture"]
    style.save(mixture.draw(frame), "first", folder=tmp_path)
    style.save(mixture.draw(frame.assign(**{"variance_error [length^2]": 0.1})), "second", folder=tmp_path)
    assert sha256(tmp_path / "first.png") != sha256(tmp_path / "second.png")


def test_the_system_on_the_command_line_names_csv_and_figure(
    folder: Path, frames: dict[str, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "FOLDER", folder)
    drawn, saved = [], []
    monkeypatch.setattr(style, "save", lambda figure, stem: saved.append((figure, stem)))
    style.draw_system(lambda frame: drawn.append(frame) or "figure", "tica", ["aldp"])
    assert saved == [("figure", "aldp_tica")]
    pd.testing.assert_frame_equal(drawn[0], frames["aldp_tica"])


@pytest.mark.parametrize(
    ("stem", "method"), [("lj13_budget", "hot_hmc"), ("aldp_ramachandran", "md"), ("aldp_tica", "md")]
)
def test_method_without_a_look_is_refused(stem: str, method: str, frames: dict[str, pd.DataFrame]) -> None:
    frame = frames[stem].replace({"method": {method: "cold_hmc"}})
    with pytest.raises(ValueError, match="no look for cold_hmc"):
        FIGURES[stem].draw(frame)


def test_every_curve_of_the_csv_is_drawn(frames: dict[str, pd.DataFrame]) -> None:
    assert set(frames["mixture"]["weighting"]) == {*style.WEIGHTINGS, "independent"}
    assert set(frames["aldp_budget"]["method"]) == {*style.METHODS, "published", "floor"}
    assert set(frames["lj13_budget"]["method"]) <= set(frames["aldp_budget"]["method"])


@pytest.mark.parametrize("stem", ["aldp_ramachandran", "aldp_tica"])
def test_every_bin_of_the_csv_is_drawn_with_its_free_energy(
    stem: str, frames: dict[str, pd.DataFrame]
) -> None:
    axes = FIGURES[stem].draw(frames[stem]).axes
    maps = [item for ax in axes for item in ax.collections if isinstance(item, PolyCollection)]
    drawn = np.concatenate([np.asarray(item.get_array()) for item in maps])
    assert np.array_equal(np.sort(drawn), np.sort(frames[stem][free_energy.VALUE]))


def test_colours_of_free_energies_grow_lighter_in_grey_print() -> None:
    red_green_blue = colormaps[free_energy.COLOURS](np.linspace(0, 1, 50))[:, :3] ** 2.2
    assert (np.diff(red_green_blue @ LUMINANCE) > 0).all()


def test_an_atom_farther_behind_is_paler() -> None:
    near, far = conformations.paler("#4d4d4d", 1.0), conformations.paler("#4d4d4d", 0.0)
    assert near == pytest.approx(to_rgb("#4d4d4d")) and all(b > a for a, b in zip(near, far, strict=True))


@pytest.mark.parametrize("looks", [style.WEIGHTINGS, style.METHODS], ids=["weightings", "methods"])
def test_curves_differ_without_colour(looks: dict[str, style.Look]) -> None:
    assert len({look.marker for look in looks.values()}) == len(looks)


@pytest.mark.parametrize("script", (*ONE_FIGURE, *PER_SYSTEM), ids=lambda script: script.__name__)
def test_script_is_named_after_its_figure_and_computes_nothing(script: ModuleType) -> None:
    file = Path(script.__file__)
    assert file.stem == (script.STEM if script in ONE_FIGURE else script.KIND)
    tree = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    modules = {node.module for node in tree if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in modules} <= {"figures", "matplotlib", "itertools"}
