"""Draw energies beside the reference: `python -m figures.energy aldp`.

Above: PITA at every temperature, mean over seeds, with its range as a band. Below: the other methods at the
lowest temperature. Grey area: reference at the same temperature. Energies in kT less the mean of the
reference. A share in a corner: samples beyond the bins, where there are any.
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import panels, style

KIND = "energy"
TEMPERATURE = "temperature [K]"
LEFT, RIGHT = "reduced_energy_left [kT]", "reduced_energy_right [kT]"
OUTSIDE = "outside_fraction [1]"


def draw(frame: pd.DataFrame) -> Figure:
    """A panel per temperature of PITA and one per other method."""
    style.set_theme()
    style.check_names(frame["method"], style.TITLES)
    warm = list(frame.loc[frame["method"] == "pita", TEMPERATURE].unique())
    others = [method for method in style.TITLES if method in set(frame["method"]) - {"pita"}]
    rows = [[("pita", t) for t in warm], *panels.wrapped([(name, warm[-1]) for name in others], len(warm))]
    figure, placed = panels.lay_out(rows, panel_height=1.3)
    for ax, (method, temperature) in placed:
        draw_panel(ax, frame[frame["method"].eq(method) & frame[TEMPERATURE].eq(temperature)])
        at = f", {temperature:g} K" if method == "pita" else ""
        ax.set_title(f"{style.TITLES[method]}{at}", fontsize=7.5)
    first = placed[0][0]
    first.set(yticks=[], xlim=(frame[LEFT].min(), frame[RIGHT].max()))
    first.set_ylim(bottom=0)
    figure.supxlabel(r"$(E - \langle E \rangle_\mathrm{reference})$ / $kT$", fontsize=8)
    figure.supylabel("density", fontsize=8)
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def draw_panel(ax: Axes, frame: pd.DataFrame) -> None:
    """One histogram over one of the reference."""
    density = "reduced_energy_density{} [1/kT]"
    edges = [*frame[LEFT], frame[RIGHT].iloc[-1]]
    reference = frame[density.format("_reference")]
    ax.stairs(reference, edges, fill=True, color=style.REFERENCE, label="reference")
    colour = style.METHODS["pita"].colour
    low, high = (frame[density.format(end)] for end in ("_low", "_high"))
    ax.stairs(high, edges, baseline=low, fill=True, color=colour, alpha=0.3)
    ax.stairs(frame[density.format("")], edges, color=colour, linewidth=1.0, label="method")
    panels.note_outside(ax, frame[OUTSIDE].iloc[0])


def main() -> None:
    style.draw_system(draw, KIND)


if __name__ == "__main__":
    main()
