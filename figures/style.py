"""What the figures share: looks that survive grey print, reading of their CSV, and byte-stable files.

Colours darken in an order that stays in grey; every curve also has a marker and a line style of its own.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.files import replacing

FOLDER = Path(__file__).parent
TEXT_WIDTH = 7.0  # inches, of a two-column page
REFERENCE = "0.80"  # grey level of exact answers, reference densities and floors
PNG_DPI = 200


class Look(NamedTuple):
    """How one curve is drawn and named."""

    label: str
    colour: str
    marker: str
    line: str | tuple


WEIGHTINGS = {
    "feynman_kac": Look("Feynman-Kac, exact divergence", "#1b1148", "o", "-"),
    "feynman_kac_plain": Look("Feynman-Kac, plain variances", "#5f187f", "s", "--"),
    "feynman_kac_hutchinson": Look("Feynman-Kac, one probe", "#982d80", "D", ":"),
    "energy_kernel_ratio": Look("energy kernel ratio", "#d3436e", "^", "-"),
    "score_kernel_ratio": Look("score kernel ratio", "#ee6a50", "v", "--"),
    "unweighted": Look("no weights", "#f7b267", "X", "-."),
}
METHODS = {
    "pita": Look("PITA, all evaluations", "#1b1148", "*", ""),
    "pita_sampling": Look("PITA, sampling only", "#1b1148", "P", ""),
    "parallel_tempering": Look("parallel tempering", "#982d80", "o", "-"),
    "population_annealing": Look("population annealing", "#e2556b", "^", "--"),
    "hot_hmc": Look("HMC from the hot start", "#f9a26c", "s", ":"),
}
SEEDS = (("#1b1148", "-"), ("#b63679", (0, (4, 1.5))), ("#f9a26c", (0, (1, 1))))


def set_theme() -> None:
    """Set fonts, lines and the settings that keep bytes stable, for every figure alike."""
    sns.set_theme(
        context="paper",
        style="ticks",
        rc={
            "font.family": "DejaVu Sans",
            "font.size": 8,
            "axes.labelsize": 8,
            "axes.titlesize": 8,
            "legend.fontsize": 7.5,
            "xtick.labelsize": 7,
            "ytick.labelsize": 7,
            "axes.linewidth": 0.6,
            "xtick.major.width": 0.6,
            "ytick.major.width": 0.6,
            "xtick.minor.width": 0.4,
            "ytick.minor.width": 0.4,
            "lines.linewidth": 1.2,
            "lines.markersize": 4.5,
            "legend.frameon": False,
            "figure.dpi": PNG_DPI,
            "figure.constrained_layout.use": True,
            "pdf.fonttype": 42,
            "svg.hashsalt": "pita",
        },
    )


def read(stem: str) -> pd.DataFrame:
    """Read what the axes of a figure show."""
    return pd.read_csv(FOLDER / f"{stem}.csv")


def save(figure: Figure, stem: str, *, folder: Path = FOLDER) -> None:
    """Write a figure as PDF and PNG, without dates and program versions."""
    sns.despine(figure)
    metadata = {"pdf": {"CreationDate": None}, "png": {"Software": None}}
    for kind, entries in metadata.items():
        with replacing(folder / f"{stem}.{kind}") as file:
            figure.savefig(file, format=kind, metadata=entries, dpi=PNG_DPI)


def looks_of(names: Iterable[str], looks: dict[str, Look], *, besides: Iterable[str]) -> dict[str, Look]:
    """Return the looks of the curves that are there, in their fixed order; a name without one is an error."""
    found = set(names) - set(besides)
    if unknown := sorted(found - looks.keys()):
        raise ValueError(f"no look for {', '.join(unknown)}")
    return {name: look for name, look in looks.items() if name in found}


def name_panels(axes: list[Axes]) -> None:
    """Letter the panels a, b, c ... above their upper left corners."""
    for letter, ax in zip("abcdefghijklmnopqrstuvwxyz", axes, strict=False):
        ax.set_title(letter, loc="left", fontweight="bold")
