"""Draw the errors of the weightings on the exact mixture: `python -m figures.mixture`.

Above: root-mean-square error against the number of annealing steps. Below: the same errors against what
they cost, in passes through a network. Bars: standard error over repeats. Grey line: the error of as many
independent draws of the exact answer, below which no population of this size is expected.
"""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from figures import style

STEM = "mixture"
ERRORS = {
    "mode mass": "mode_mass_error [1]",
    "variance": "variance_error [length^2]",
    "log Z": "log_z_error [1]",
}
COSTS = {"annealing steps": "n_steps [1]", "network passes per particle": "network_passes [1]"}


def draw(frame: pd.DataFrame) -> Figure:
    """One row of panels per measure of cost, one column per quantity."""
    style.set_theme()
    figure, axes = plt.subplots(
        len(COSTS), len(ERRORS), figsize=(style.TEXT_WIDTH, 4.4), sharex="row", sharey="col"
    )
    for row, (cost_label, cost) in zip(axes, COSTS.items(), strict=True):
        for ax, (label, error) in zip(row, ERRORS.items(), strict=True):
            draw_panel(ax, frame, cost=cost, error=error)
            ax.set(xscale="log", yscale="log", xlabel=cost_label, ylabel=f"error of {label}")
    for ax in axes[1]:
        ax.xaxis.set_minor_formatter(NullFormatter())
    for ax in axes[0]:
        steps = sorted(frame["n_steps [1]"].dropna().unique())
        ax.set_xticks(steps, labels=[f"{n:g}" for n in steps])
        ax.minorticks_off()
    style.name_panels(list(axes.flat))
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def draw_panel(ax: Axes, frame: pd.DataFrame, *, cost: str, error: str) -> None:
    """All weightings in one panel."""
    independent = frame.loc[frame["weighting"] == "independent", error].item()
    if pd.notna(independent):
        ax.axhline(independent, color=style.REFERENCE, linewidth=3, zorder=0, label="independent draws")
    looks = style.looks_of(frame["weighting"], style.WEIGHTINGS, besides=["independent"])
    for name, look in looks.items():
        curve = frame[frame["weighting"] == name].dropna(subset=error).sort_values(cost)
        ax.errorbar(
            curve[cost],
            curve[error],
            yerr=curve[error.replace("_error", "_error_se")],
            label=look.label,
            color=look.colour,
            marker=look.marker,
            linestyle=look.line,
            elinewidth=0.6,
        )


def main() -> None:
    style.save(draw(style.read(STEM)), STEM)


if __name__ == "__main__":
    main()
