"""Grids of equal panels, some rows shorter than others, as several figures lay them out."""

from collections.abc import Sequence
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style


def wrapped(panels: Sequence[Any], width: int) -> list[list[Any]]:
    """Return panels in rows of at most `width`."""
    return [list(panels[start : start + width]) for start in range(0, len(panels), width)]


def lay_out(
    rows: Sequence[Sequence[Any]], *, panel_height: float, **shared: Any
) -> tuple[Figure, list[tuple[Axes, Any]]]:
    """Return a figure of the width of the text and the axes of each panel, numbers below each column.

    panel_height: inches, with its title.
    """
    width, height = max(map(len, rows)), len(rows)
    size = (style.TEXT_WIDTH, panel_height * height + 0.5)
    figure, axes = plt.subplots(
        height, width, figsize=size, sharex=True, sharey=True, squeeze=False, **shared
    )
    placed = []
    for places, row in zip(axes, rows, strict=True):
        for ax in places[len(row) :]:
            ax.set_axis_off()
        placed += zip(places, row, strict=False)
    for column in range(width):
        lowest = max(i for i, row in enumerate(rows) if column < len(row))
        axes[lowest, column].tick_params(labelbottom=True)
    return figure, placed


def note_outside(ax: Axes, fraction: float) -> None:
    """Say in the corner of a panel which share of the samples lies beyond its bins, if any does."""
    if fraction > 0:
        text = f"{100 * fraction:.2g} % outside"
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8}
        ax.text(0.97, 0.95, text, transform=ax.transAxes, ha="right", va="top", fontsize=6, bbox=box)
