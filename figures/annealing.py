"""Draw what the weights do along each annealing: `python -m figures.annealing lj13`.

Columns: rungs, hot to cold; annealing runs from left to right. Rows: effective sample size before
resampling, first particles that still have offspring, spread of a step's log-weight increments. Lines: seeds.
"""

from itertools import cycle

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from figures import style

KIND = "annealing"
QUANTITIES = {
    "ess_fraction [1]": ("ESS / $N$", "linear"),
    "unique_ancestors_fraction [1]": ("ancestors / $N$", "log"),
    "log_w_std [1]": (r"std of $\Delta \log w$", "log"),
}


def draw(frame: pd.DataFrame) -> Figure:
    """One column of panels per rung, one row per quantity, one line per seed."""
    style.set_theme()
    sigma = style.column(frame, "sigma")
    ends = [style.column(frame, f"temperature_{end}") for end in ("from", "to")]
    kelvin = " K" if style.unit(ends[0]) == "K" else ""
    rungs = list(frame.groupby(ends, sort=False))
    figure, axes = plt.subplots(
        len(QUANTITIES), len(rungs), figsize=(style.TEXT_WIDTH, 4.4), sharex=True, sharey="row"
    )
    for column, ((hot, cold), rung) in zip(axes.T, rungs, strict=True):
        column[0].set_title(f"$T = {hot:g} \\to {cold:g}${kelvin}")
        for ax, (quantity, (label, scale)) in zip(column, QUANTITIES.items(), strict=True):
            for (seed, trace), (colour, line) in zip(rung.groupby("seed"), cycle(style.SEEDS), strict=False):
                ax.plot(trace[sigma], trace[quantity], color=colour, linestyle=line, label=f"seed {seed}")
            ax.set(xscale="log", yscale=scale)
            if ax in axes[:, 0]:
                ax.set_ylabel(label)
        column[-1].set_xlabel(rf"$\sigma$ / {style.unit(sigma)}")
    axes[0, 0].set_ylim(0.0, 1.05)
    axes[0, 0].invert_xaxis()
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def main() -> None:
    style.draw_system(draw, KIND)


if __name__ == "__main__":
    main()
