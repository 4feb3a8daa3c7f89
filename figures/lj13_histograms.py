"""Draw energies and pair distances of every rung beside the reference: `python -m figures.lj13_histograms`.

Line: PITA, mean over seeds, with its range as a band. Grey area: reference at the same temperature.
"""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style

STEM = "lj13_histograms"
TEMPERATURE = "temperature [epsilon/k_B]"
QUANTITIES = {
    "energy": ("epsilon", r"energy $E$ / $\varepsilon$"),
    "distance": ("r_min", r"pair distance / $r_\mathrm{min}$"),
}


def draw(frame: pd.DataFrame) -> Figure:
    """One column of panels per temperature, hot to cold, one row per quantity."""
    style.set_theme()
    temperatures = frame[TEMPERATURE].unique()
    figure, axes = plt.subplots(
        len(QUANTITIES), len(temperatures), figsize=(style.TEXT_WIDTH, 3.2), sharex="row", sharey="row"
    )
    for row, (name, (unit, label)) in zip(axes, QUANTITIES.items(), strict=True):
        for ax, temperature in zip(row, temperatures, strict=True):
            draw_panel(ax, frame[frame[TEMPERATURE] == temperature], name=name, unit=unit)
            ax.set_yticks([])
        row[len(row) // 2].set_xlabel(label)
        row[0].set_ylabel("density")
        row[0].set_ylim(bottom=0)
    for ax, temperature in zip(axes[0], temperatures, strict=True):
        ax.set_title(f"$T = {temperature:g}$")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def draw_panel(ax: Axes, frame: pd.DataFrame, *, name: str, unit: str) -> None:
    """One histogram of PITA over one of the reference."""
    left, right, density = f"{name}_left [{unit}]", f"{name}_right [{unit}]", f"{name}_density [1/{unit}]"
    bins = frame.dropna(subset=left)
    edges = [*bins[left], bins[right].iloc[-1]]
    named = {
        part: bins[density.replace("_density", f"_density_{part}")] for part in ("reference", "low", "high")
    }
    ax.stairs(named["reference"], edges, fill=True, color=style.REFERENCE, label="reference")
    look = style.METHODS["pita"]
    ax.stairs(named["high"], edges, baseline=named["low"], fill=True, color=look.colour, alpha=0.3)
    ax.stairs(bins[density], edges, color=look.colour, linewidth=1.0, label="PITA")


def main() -> None:
    style.save(draw(style.read(STEM)), STEM)


if __name__ == "__main__":
    main()
