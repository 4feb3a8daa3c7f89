"""Draw how close each method comes for its energy evaluations: `python -m figures.budget lj13`.

Bars: range over seeds. Grey band: noise floor, mean -/+ standard deviation between two independent
reference sets. Horizontal line: the published value, with a ring at its evaluations where they are known.
"""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style

KIND = "budget"
LABELS = {
    "distance_w2 [r_min]": r"Distance-W2 / $r_\mathrm{min}$",
    "energy_w1 [kT]": r"Energy-W1 / $kT$",
    "energy_w2 [kT]": r"Energy-W2 / $kT$",
    "torus_w2 [rad]": "Torus-W2 / rad",
    "delta_f_error_kcal [kcal/mol]": r"error of $\Delta F$ / kcal mol$^{-1}$",
}
EVALS = "energy_evals [1]"
POINTS = {
    "linestyle": "none",
    "zorder": 5,
    "markersize": 10,
    "markeredgecolor": "white",
    "markeredgewidth": 0.5,
}


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per metric."""
    style.set_theme()
    labels = {metric: label for metric, label in LABELS.items() if metric in frame}
    figure, axes = plt.subplots(1, len(labels), figsize=(style.TEXT_WIDTH, 2.9), sharex=True)
    for ax, (metric, label) in zip(axes, labels.items(), strict=True):
        draw_panel(ax, frame, metric)
        ax.set(xscale="log", yscale="log", xlabel="energy evaluations", ylabel=label)
    style.name_panels(list(axes))
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4)
    return figure


def draw_panel(ax: Axes, frame: pd.DataFrame, metric: str) -> None:
    """Methods, published value and floor of one metric."""
    low, high = metric.replace(" [", "_low ["), metric.replace(" [", "_high [")
    looks = style.looks_of(frame["method"], style.METHODS, besides=["published", "floor"])
    for method, look in looks.items():
        curve = frame[frame["method"] == method].sort_values(EVALS)
        ax.errorbar(
            curve[EVALS],
            curve[metric],
            yerr=[curve[metric] - curve[low], curve[high] - curve[metric]],
            label=look.label,
            color=look.colour,
            marker=look.marker,
            **(POINTS if method.startswith("pita") else {"linestyle": look.line}),
        )
    floor = frame[frame["method"] == "floor"].iloc[0]
    if pd.notna(floor[metric]):
        ax.axhspan(floor[low], floor[high], color=style.REFERENCE, linewidth=0, zorder=0, label="noise floor")
    published = frame[frame["method"] == "published"].iloc[0]
    if pd.notna(published[metric]):
        ax.axhline(published[metric], color="black", linewidth=0.9, dashes=(6, 3), label="PITA as published")
        if pd.notna(published[EVALS]):
            ax.plot(published[EVALS], published[metric], "o", color="black", fillstyle="none", markersize=7)


def main() -> None:
    style.draw_system(draw, KIND)


if __name__ == "__main__":
    main()
