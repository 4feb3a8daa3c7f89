"""Draw free energies in the plane of the two slowest coordinates (TICA): `python -m figures.tica aldp`.

One panel per set of samples at the lowest temperature. White: no sample. The zero of a panel is its fullest
bin. A share in a corner: samples beyond the plane that is drawn, where there are any.
"""

import pandas as pd
from matplotlib.figure import Figure

from figures import free_energy, panels, style

KIND = "tica"
FEWEST_COLUMNS = 3
OUTSIDE = "outside_fraction [1]"


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per method, the reference first."""
    style.set_theme()
    style.check_names(frame["method"], style.TITLES)
    methods = [method for method in style.TITLES if method in set(frame["method"])]
    columns = min(len(methods), max(FEWEST_COLUMNS, -(-len(methods) // 2)))
    width = (style.TEXT_WIDTH - 1.1) / columns
    figure, placed = panels.lay_out(panels.wrapped(methods, columns), panel_height=width + 0.2)
    scale = free_energy.colour_scale(frame)
    for ax, method in placed:
        part = frame[frame["method"] == method]
        free_energy.draw_map(ax, part, scale, names=("tic_1", "tic_2"), unit="1")
        ax.set_title(style.TITLES[method], fontsize=7.5)
        ax.set_box_aspect(1)
        panels.note_outside(ax, part[OUTSIDE].iloc[0])
    placed[0][0].autoscale_view()
    figure.supxlabel("TIC 1", fontsize=8)
    figure.supylabel("TIC 2", fontsize=8)
    free_energy.add_scale(figure, scale)
    return figure


def main() -> None:
    style.draw_system(draw, KIND)


if __name__ == "__main__":
    main()
