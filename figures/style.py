"""What the figures share: looks that survive grey print, their CSV and system, and byte-stable files.

Colours darken in an order that stays in grey; every curve also has a marker and a line style of its own.
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
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
    "pita_renoised": Look("PITA from samples, all", "#3b8fd0", "h", ""),
    "pita_renoised_sampling": Look("PITA from samples, sampling", "#3b8fd0", "X", ""),
    "parallel_tempering": Look("parallel tempering", "#982d80", "o", "-"),
    "population_annealing": Look("population annealing", "#e2556b", "^", "--"),
    "hot_hmc": Look("HMC from the hot start", "#f9a26c", "s", ":"),
    "md": Look("MD", "#1f6f78", "D", "-."),
    "hot_md": Look("MD from the hot start", "#6fb7a9", "v", (0, (5, 1, 1, 1))),
}
# What panels that show one set of samples are called.
TITLES = {
    "reference": "reference",
    "pita": "PITA",
    "pita_renoised": "PITA, from samples",
    "pita_unrelaxed": "PITA, no moves",
    "pita_bridge": "PITA, bridge",
    "pita_feynman_kac": "PITA, Feynman-Kac",
    "fkc_end": "resampled at the end",
    "score_scaling": "no weights",
} | {method: look.label for method, look in METHODS.items() if not method.startswith("pita")}
UNITS = {"r_min": r"$r_\mathrm{min}$", "nm": "nm"}
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


def draw_system(draw: Callable[[pd.DataFrame], Figure], kind: str, argv: Sequence[str] | None = None) -> None:
    """Draw one kind of figure of the system that is named on the command line."""
    parser = argparse.ArgumentParser(description=f"Draw figures/<system>_{kind}.pdf and .png from their CSV.")
    parser.add_argument("system")
    stem = f"{parser.parse_args(argv).system}_{kind}"
    save(draw(read(stem)), stem)


def column(frame: pd.DataFrame, name: str) -> str:
    """Return the header of a quantity, its name with its unit in brackets."""
    (header,) = (header for header in frame.columns if header.startswith(f"{name} ["))
    return header


def unit(header: str) -> str:
    """Return the unit in a header, as a label has it."""
    symbol = header[header.index("[") + 1 : -1]
    return UNITS.get(symbol, symbol)


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
    check_names(found, looks)
    return {name: look for name, look in looks.items() if name in found}


def check_names(names: Iterable[str], known: Iterable[str]) -> None:
    """Raise ValueError for what has no look or title."""
    if unknown := sorted(set(names) - set(known)):
        raise ValueError(f"no look for {', '.join(unknown)}")


def name_panels(axes: list[Axes]) -> None:
    """Letter the panels a, b, c ... above their upper left corners."""
    for letter, ax in zip("abcdefghijklmnopqrstuvwxyz", axes, strict=False):
        ax.set_title(letter, loc="left", fontweight="bold")
