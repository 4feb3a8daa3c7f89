"""Histograms of samples and of the reference on common bins, in the form in which they are stored."""

from collections.abc import Mapping

import numpy as np

from pita.metrics.dihedrals import residue_pairs

N_BINS = 60
RANGE = (0.0005, 0.9995)  # quantiles of the reference between which histograms are drawn
ANGLE_BINS = 36  # along phi and along psi, ten degrees each
PLANE_BINS = 50  # along each slow coordinate
PLANE_MARGIN = 0.15  # of the extent of the reference, on either side of it


def densities(
    name: str, ours: np.ndarray, reference: np.ndarray, *, margin: float = 0.0
) -> dict[str, list[float]]:
    """Return densities per unit on common bins; what lies outside them counts in the normalisation.

    ours (n,), reference (m,). The bins reach beyond the quantiles of the reference by `margin` times their
    extent.
    """
    low, high = np.quantile(reference, RANGE)
    low, high = low - margin * (high - low), high + margin * (high - low)
    edges = np.linspace(low, high, N_BINS + 1)

    def density(values: np.ndarray) -> list[float]:
        return (np.histogram(values, edges)[0] / (len(values) * np.diff(edges))).tolist()

    return {
        f"{name}_edges": edges.tolist(),
        f"{name}_density": density(ours),
        f"{name}_density_reference": density(reference),
    }


def plane_edges(points: np.ndarray) -> list[list[float]]:
    """Return the edges of bins along both axes that hold all points (n, 2) and a margin around them."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = PLANE_MARGIN * (high - low)
    return np.linspace(low - margin, high + margin, PLANE_BINS + 1).T.tolist()


def angle_edges() -> list[list[float]]:
    """Return the edges of bins of phi and psi, degrees."""
    return [np.linspace(-180.0, 180.0, ANGLE_BINS + 1).tolist()] * 2


def filled_bins(points: np.ndarray, edges: list[list[float]]) -> dict[str, list[int]]:
    """Return the bins of a plane that hold any of the points (n, 2): indices `i`, `j` and `count` of each.

    A point outside the edges is in no bin.
    """
    counts = np.histogram2d(*points.T, bins=edges)[0].astype(int)
    i, j = np.nonzero(counts)
    return {"i": i.tolist(), "j": j.tolist(), "count": counts[i, j].tolist()}


def angle_maps(rama: np.ndarray) -> list[dict[str, list[int]]]:
    """Return the filled bins of phi and psi of every residue; rama (n, n_residues, 2), radians."""
    return [filled_bins(np.rad2deg(rama[:, k]), angle_edges()) for k in range(rama.shape[1])]


def residue_labels(topology: Mapping[str, np.ndarray]) -> list[str]:
    """Return name and number, from 1 along the chain, of the residues that have both phi and psi."""
    centres = topology["phi"][residue_pairs(topology["phi"], topology["psi"])[:, 0], 2]
    return [f"{topology['residue_names'][i]} {topology['residue_index'][i] + 1}" for i in centres]
