"""Draw free energies of phi and psi: `python -m figures.ramachandran aldp`.

Of every residue a row of the reference and one of PITA, temperatures falling from left to right, then the
other methods at the lowest temperature. White: no sample. The zero of a panel is its fullest bin.
"""

import pandas as pd
from matplotlib.figure import Figure

from figures import free_energy, panels, style

KIND = "ramachandran"
TEMPERATURE = "temperature [K]"
LIMITS = (-180.0, 180.0)
TICKS = (-90, 0, 90)
AT_EVERY_RUNG = ("reference", "pita")


def panel_rows(frame: pd.DataFrame) -> list[list[tuple[str, str, float]]]:
    """Return residue, method and temperature of every panel, row by row."""
    temperatures = list(frame[TEMPERATURE].unique())
    others = [name for name in style.TITLES if name in set(frame["method"]) - set(AT_EVERY_RUNG)]
    rows = []
    for residue in frame["residue"].unique():
        rows += [[(residue, method, t) for t in temperatures] for method in AT_EVERY_RUNG]
        rows += panels.wrapped([(residue, method, temperatures[-1]) for method in others], len(temperatures))
    return rows


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per residue, set of samples and temperature."""
    style.set_theme()
    style.check_names(frame["method"], style.TITLES)
    rows = panel_rows(frame)
    width = (style.TEXT_WIDTH - 1.1) / len(rows[0])
    figure, placed = panels.lay_out(rows, panel_height=width + 0.2)
    scale = free_energy.colour_scale(frame)
    for ax, (residue, method, temperature) in placed:
        chosen = frame["residue"].eq(residue) & frame["method"].eq(method)
        part = frame[chosen & frame[TEMPERATURE].eq(temperature)]
        free_energy.draw_map(ax, part, scale, names=("phi", "psi"), unit="degree")
        ax.set_title(
            title(method, temperature, residue, several=frame["residue"].nunique() > 1), fontsize=7.5
        )
        ax.set(xlim=LIMITS, ylim=LIMITS, xticks=TICKS, yticks=TICKS, box_aspect=1)
        for line in (ax.axvline, ax.axhline):
            line(0.0, color="0.7", linewidth=0.4, zorder=0)
    figure.supxlabel(r"$\phi$ / degree", fontsize=8)
    figure.supylabel(r"$\psi$ / degree", fontsize=8)
    free_energy.add_scale(figure, scale)
    return figure


def title(method: str, temperature: float, residue: str, *, several: bool) -> str:
    """Name a panel: method, temperature if there are others, residue if there are others."""
    warm = f", {temperature:g} K" if method in AT_EVERY_RUNG else ""
    return style.TITLES[method] + warm + (f", {residue}" if several else "")


def main() -> None:
    style.draw_system(draw, KIND)


if __name__ == "__main__":
    main()
