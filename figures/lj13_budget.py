"""Draw how close each method comes for its energy evaluations: `python -m figures.lj13_budget`.

Bars and bands: range over seeds. Grey band: noise floor, mean -/+ standard deviation between two independent
reference sets. Horizontal line: the published value.
"""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style

STEM = "lj13_budget"
METRICS = {"distance_w2 [r_min]": r"Distance-W2 / $r_\mathrm{min}$", "energy_w2 [kT]": r"Energy-W2 / $kT$"}
EVALS = "energy_evals [1]"


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per metric."""
    style.set_theme()
    figure, axes = plt.subplots(1, len(METRICS), figsize=(style.TEXT_WIDTH, 2.9), sharex=True)
    for ax, (metric, label) in zip(axes, METRICS.items(), strict=True):
        draw_panel(ax, frame, metric)
        ax.set(xscale="log", yscale="log", xlabel="energy evaluations", ylabel=label)
    style.name_panels(list(axes))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def draw_panel(ax: Axes, frame: pd.DataFrame, metric: str) -> None:
    """Methods, published value and floor of one metric."""
    low, high = metric.replace(" [", "_low ["), metric.replace(" [", "_high [")
    looks = style.looks_of(frame["method"], style.METHODS, besides=["published", "floor"])
    for method, look in looks.items():
        curve = frame[frame["method"] == method].sort_values(EVALS)
        if method.startswith("pita"):
            bars = [curve[metric] - curve[low], curve[high] - curve[metric]]
            ax.errorbar(
                curve[EVALS],
                curve[metric],
                yerr=bars,
                label=look.label,
                color=look.colour,
                marker=look.marker,
                markersize=10,
                markeredgecolor="white",
                markeredgewidth=0.5,
                linestyle="none",
                zorder=5,
            )
        else:
            ax.fill_between(curve[EVALS], curve[low], curve[high], color=look.colour, alpha=0.2, linewidth=0)
            ax.plot(
                curve[EVALS],
                curve[metric],
                label=look.label,
                color=look.colour,
                marker=look.marker,
                linestyle=look.line,
            )
    floor = frame[frame["method"] == "floor"].iloc[0]
    ax.axhspan(floor[low], floor[high], color=style.REFERENCE, linewidth=0, zorder=0, label="noise floor")
    published = frame[frame["method"] == "published"].iloc[0]
    ax.axhline(published[metric], color="black", linewidth=0.9, dashes=(6, 3), label="PITA as published")


def main() -> None:
    style.save(draw(style.read(STEM)), STEM)


if __name__ == "__main__":
    main()
