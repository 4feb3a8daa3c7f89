"""Maps of free energies, as several figures draw them: the bins that hold samples, darker where more do."""

from math import ceil

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

COLOURS = "magma"  # its lightness grows evenly, also in grey
VALUE = "free_energy [kT]"


def colour_scale(frame: pd.DataFrame) -> Normalize:
    """Return the scale from zero to the largest free energy of all panels."""
    return Normalize(0.0, ceil(frame[VALUE].max()))


def draw_map(ax: Axes, frame: pd.DataFrame, scale: Normalize, *, names: tuple[str, str], unit: str) -> None:
    """Fill the bins of one set."""
    left, right, bottom, top = (
        frame[f"{name}_{end} [{unit}]"] for name in names for end in ("left", "right")
    )
    sides = zip(left, right, bottom, top, strict=True)
    squares = [[(a, c), (b, c), (b, d), (a, d)] for a, b, c, d in sides]
    ax.add_collection(
        PolyCollection(
            squares, array=frame[VALUE], norm=scale, cmap=COLOURS, edgecolors="face", linewidths=0.2
        )
    )


def add_scale(figure: Figure, scale: Normalize) -> None:
    """Put the colour scale beside the panels."""
    axes = list(figure.axes)
    bar = figure.colorbar(ScalarMappable(scale, COLOURS), ax=axes, fraction=0.03, pad=0.015, aspect=30)
    bar.set_label("free energy / $kT$")
    bar.outline.set_linewidth(0.6)
