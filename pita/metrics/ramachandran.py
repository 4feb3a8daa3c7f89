"""Distances between the Ramachandran histograms of two sample sets, each the mean over residues.

The field's Rama-KL (FAB, arXiv 2208.01893; TA-BG, arXiv 2501.19077) has 100 x 100 bins, of which a few
thousand samples fill a fraction; a bin that the model leaves empty costs its reference mass times about
ln(p / epsilon), so at n = 5,000 two runs of the same sampler are several nats apart and the value measures
epsilon. Beside it stand two distances with 15-degree bins and without any pseudo-count: the Jensen-Shannon
divergence is symmetric, finite with empty bins and at most ln 2 nats; total variation, in [0, 1], is the mass
in the wrong place. Both have a floor, about (K - 1) / (4 n) nats and sqrt(K / (pi n)) for K filled bins.
The papers give one residue or do not say how residues are combined; the mean is this project's choice.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import rel_entr

from pita.metrics.torus import as_angles

FINE_BINS = 100
EPSILON = 1e-10  # inside the logarithm, a density in 1 / radian^2
COARSE_BINS = 24

Array = NDArray[np.float64]


def histogram(angles: ArrayLike, *, n_bins: int) -> Array:
    """Return the fraction of samples in each of n_bins x n_bins equal squares of the (phi, psi) torus.

    angles: (n, 2), radians -> (n_bins, n_bins), summing to one; axis 0 is phi.
    """
    phi, psi = as_angles(angles, name="angles").T
    limits = (-np.pi, np.pi)
    return np.histogram2d(phi, psi, bins=n_bins, range=(limits, limits))[0] / len(phi)


def mean_over_residues(
    divergence: Callable[[Array, Array], float], model: ArrayLike, reference: ArrayLike, *, n_bins: int
) -> float:
    """Return the mean over residues of a divergence of histograms (n_bins, n_bins), model first.

    model: (n, n_residues, 2), reference: (m, n_residues, 2), phi and psi in radians.
    """
    first, second = np.asarray(model), np.asarray(reference)
    if first.ndim != 3 or first.shape[1:] != second.shape[1:] or first.shape[1] == 0:
        raise ValueError(f"both must have shape (n, n_residues, 2), got {first.shape} and {second.shape}")
    values = [
        divergence(histogram(first[:, k], n_bins=n_bins), histogram(second[:, k], n_bins=n_bins))
        for k in range(first.shape[1])
    ]
    return float(np.mean(values))


def kl_with_epsilon(model: Array, reference: Array) -> float:
    """Return sum p ln((p + epsilon) / (q + epsilon)) A in nats, densities p of the reference, q of the model.

    model, reference: (n_bins, n_bins), fractions; A = (2 pi / n_bins)^2 is the area of a bin.
    """
    area = (2 * np.pi / len(reference)) ** 2
    p, q = reference / area, model / area
    return float(np.sum(p * np.log((p + EPSILON) / (q + EPSILON))) * area)


def jensen_shannon(model: Array, reference: Array) -> float:
    """Return (KL(p || m) + KL(q || m)) / 2 in nats with m = (p + q) / 2, fractions (n_bins, n_bins)."""
    middle = 0.5 * (model + reference)
    return 0.5 * float(np.sum(rel_entr(model, middle) + rel_entr(reference, middle)))


def total_variation(model: Array, reference: Array) -> float:
    """Return half the sum of |p - q|, fractions (n_bins, n_bins)."""
    return 0.5 * float(np.sum(np.abs(model - reference)))


def rama_kl(model: ArrayLike, reference: ArrayLike) -> float:
    """Rama-KL of the field, KL(reference || model) with epsilon, in nats; see the module for its meaning.

    model: (n, n_residues, 2), reference: (m, n_residues, 2), phi and psi in radians.
    """
    return mean_over_residues(kl_with_epsilon, model, reference, n_bins=FINE_BINS)


def rama_js(model: ArrayLike, reference: ArrayLike) -> float:
    """Jensen-Shannon divergence of coarse Ramachandran histograms, in nats, at most ln 2.

    model: (n, n_residues, 2), reference: (m, n_residues, 2), phi and psi in radians.
    """
    return mean_over_residues(jensen_shannon, model, reference, n_bins=COARSE_BINS)


def rama_tv(model: ArrayLike, reference: ArrayLike) -> float:
    """Total variation of coarse Ramachandran histograms, in [0, 1].

    model: (n, n_residues, 2), reference: (m, n_residues, 2), phi and psi in radians.
    """
    return mean_over_residues(total_variation, model, reference, n_bins=COARSE_BINS)
