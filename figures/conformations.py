"""Draw conformations of every basin of a peptide: `python -m figures.conformations aldp`.

Of each basin the sample nearest to its middle, in front of faint others; discs are atoms, lines are bonds,
what lies farther behind is paler. N and O are lettered, carbon is dark, hydrogen small and light. The bar is
0.2 nm long.
"""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from figures import style

KIND = "conformations"
COLOURS = {"H": "#e6e6e6", "C": "#4d4d4d", "N": "#85aee0", "O": "#ec7063", "S": "#d9b13b"}
RADII = {"H": 0.026, "C": 0.042, "N": 0.041, "O": 0.040, "S": 0.048}  # nm, a quarter of van der Waals' or so
LETTERED = ("N", "O", "S")
PALEST = 0.55  # share of white in the colour of the atom farthest behind
BAR = 0.2  # nm
MARGIN = 0.06  # nm


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per basin, all to one scale."""
    style.set_theme()
    basins = list(frame.groupby("basin", sort=False))
    atoms = {basin: atoms_of(part) for basin, part in basins}
    spans = [
        (table[c].min() - MARGIN, table[c].max() + MARGIN) for table in atoms.values() for c in ("x", "y")
    ]
    width, height = (max(high - low for low, high in spans[k::2]) for k in (0, 1))
    panel = style.TEXT_WIDTH / max(len(basins), 3)
    figure, axes = plt.subplots(
        1, len(basins), figsize=(panel * len(basins), panel * height / width + 0.35), squeeze=False
    )
    for ax, (basin, part) in zip(axes.flat, basins, strict=True):
        for number in sorted(part["conformation"].unique(), reverse=True):
            draw_molecule(ax, part[part["conformation"] == number], faint=number > 0)
        middle = [(atoms[basin][c].min() + atoms[basin][c].max()) / 2 for c in ("x", "y")]
        ax.set(
            xlim=(middle[0] - width / 2, middle[0] + width / 2),
            ylim=(middle[1] - height / 2, middle[1] + height / 2),
            title=f"{basin}, {100 * part['population [1]'].iloc[0]:.3g} %",
        )
        ax.set_aspect("equal")
        ax.set_axis_off()
    ax, (left, bottom) = axes[0, 0], (axes[0, 0].get_xlim()[0], axes[0, 0].get_ylim()[0])
    ax.plot([left + 0.02, left + 0.02 + BAR], [bottom + 0.02] * 2, color="black", linewidth=1.2)
    ax.text(left + 0.02, bottom + 0.035, f"{BAR} nm", fontsize=6.5)
    return figure


def atoms_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Return element, x, y, z of every atom that has a bond, once each, the farthest first."""
    ends = [
        frame[[f"element_{end}", *(f"{c}_{end} [nm]" for c in "xyz")]].set_axis(["element", *"xyz"], axis=1)
        for end in ("first", "second")
    ]
    return pd.concat(ends).drop_duplicates().sort_values(["z", "x", "y"])


def draw_molecule(ax: Axes, frame: pd.DataFrame, *, faint: bool) -> None:
    """Bonds and atoms of one conformation, back to front; faint ones without hydrogens and discs."""
    atoms = atoms_of(frame)
    depth = plt.Normalize(atoms["z"].min(), atoms["z"].max())
    for row in frame.to_dict("records"):
        elements = (row["element_first"], row["element_second"])
        if faint and "H" in elements:
            continue
        xs, ys, zs = ([row[f"{c}_{end} [nm]"] for end in ("first", "second")] for c in "xyz")
        look = {"color": "0.7", "linewidth": 0.9, "zorder": -1}
        if not faint:
            look = {"color": paler("0.25", depth(sum(zs) / 2)), "linewidth": 2.2, "zorder": sum(zs) / 2 + 10}
        ax.plot(xs, ys, solid_capstyle="round", **look)
    if faint:
        return
    for element, x, y, z in atoms.itertuples(index=False):
        colour = paler(COLOURS[element], depth(z))
        disc = plt.Circle(
            (x, y), RADII[element], facecolor=colour, edgecolor="0.2", linewidth=0.5, zorder=z + 10
        )
        ax.add_patch(disc)
        if element in LETTERED:
            ax.text(
                x, y, element, color="black", fontsize=6, ha="center", va="center_baseline", zorder=z + 10
            )


def paler(colour: str, nearness: float) -> tuple[float, ...]:
    """Return a colour mixed with white, the more the smaller `nearness` in [0, 1] is."""
    white = PALEST * (1.0 - nearness)
    return tuple(white + (1.0 - white) * part for part in to_rgb(colour))


def main() -> None:
    style.draw_system(draw, KIND)


if __name__ == "__main__":
    main()
