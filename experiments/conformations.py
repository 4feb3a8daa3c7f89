"""Stage: a few conformations of each basin of a peptide, superposed, as they are drawn.

`python -m experiments.conformations aldp pita 1` takes the samples of one run. The basins are those of the
middle residue that has both angles: left-handed, phi > 0; else alpha, -120 < psi <= 60 degrees; else beta. Of
each basin the first conformation is the one nearest on the torus to the circular mean of its phi and psi; the
others are evenly spaced in the order of the file. They are superposed on the atoms of all phi and psi, and
seen along the shortest principal axis of the first, N-terminus to the left.
"""

import argparse
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from experiments import paths
from experiments.errors import reported
from experiments.files import load_npz, save_json
from experiments.histograms import residue_labels
from experiments.settings import load_topology
from pita.metrics.dihedrals import dihedrals, residue_pairs
from pita.metrics.torus import torus_squared

N_CONFORMATIONS = 6
ALPHA = (-120.0, 60.0)  # psi of the alpha basin, degrees


def basins_of(angles: np.ndarray) -> dict[str, np.ndarray]:
    """Return which configurations lie in each basin, (n,), by name; angles (n, 2), phi and psi in radians."""
    phi, psi = np.rad2deg(angles).T
    left, alpha = phi > 0.0, (psi > ALPHA[0]) & (psi <= ALPHA[1])
    return {"beta": ~left & ~alpha, "alpha": ~left & alpha, "left-handed": left}


def chosen(angles: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return the configurations to show of those that are `members` (n_members,), the middle one first.

    angles: (n, 2), radians.
    """
    inside = angles[members]
    mean = np.arctan2(np.sin(inside).mean(axis=0), np.cos(inside).mean(axis=0))
    middle = members[np.argmin(torus_squared(inside, mean[None])[:, 0])]
    n_others = min(N_CONFORMATIONS, len(members)) - 1
    places = ((np.arange(n_others) + 0.5) * (len(members) - 1) / max(n_others, 1)).astype(int)
    return np.array([middle, *members[members != middle][places]])


def superposed(x: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Return x (n, n_atoms, 3) with `atoms` laid on those of the first, seen as the module says."""
    centred = x - x[:, atoms].mean(axis=1, keepdims=True)
    turned = [Rotation.align_vectors(centred[0, atoms], each[atoms])[0].apply(each) for each in centred]
    return np.stack(turned) @ view(centred[0, atoms]).T


def view(points: np.ndarray) -> np.ndarray:
    """Return the rotation (3, 3) to the principal axes, longest first; points (n, 3), mean-free.

    The first point is left of the last, the middle one above the line through both; never a reflection.
    """
    axes = np.linalg.svd(points)[2]
    if (points[-1] - points[0]) @ axes[0] < 0:
        axes[0] *= -1
    if points[len(points) // 2] @ axes[1] < 0:
        axes[1] *= -1
    axes[2] = np.cross(axes[0], axes[1])
    return axes


def conformations(x: np.ndarray, topology: Mapping[str, np.ndarray]) -> dict:
    """Return positions (nm) of a few conformations of each basin that has any, and its share; x in nm."""
    pairs = residue_pairs(topology["phi"], topology["psi"])
    residue = len(pairs) // 2
    quads = np.stack([topology["phi"][pairs[residue, 0]], topology["psi"][pairs[residue, 1]]])
    angles, atoms = dihedrals(x, quads), np.unique(np.concatenate([topology["phi"], topology["psi"]]))
    entries = []
    for name, inside in basins_of(angles).items():
        if inside.any():
            shown = superposed(x[chosen(angles, np.flatnonzero(inside))].astype(np.float64), atoms)
            entries.append({"basin": name, "fraction": float(inside.mean()), "x": shown.tolist()})
    return {
        "residue": residue_labels(topology)[residue],
        "elements": topology["elements"].tolist(),
        "bonds": topology["bonds"].tolist(),
        "basins": entries,
    }


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system")
    parser.add_argument("method")
    parser.add_argument("seed", type=int)
    arguments = parser.parse_args(argv)
    system, method, seed = arguments.system, arguments.method, arguments.seed
    with reported():
        x = load_npz(paths.samples(system, method, seed), {"x": "float32"})["x"]
        run = {"system": system, "method": method, "seed": seed}
        content = run | conformations(x, load_topology(system))
        save_json(paths.DATA / f"{system}-conformations.json", content)


if __name__ == "__main__":
    main()
