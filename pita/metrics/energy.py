"""Energy-W1 and Energy-W2: how far the energy histograms of two sample sets are apart, in kT.

Both take reduced energies beta * E at the target temperature. No energy is cropped or dropped: one overlap
with an infinite energy makes the distance infinite, so it raises and the caller decides. Same definitions as
the released code of PITA (arXiv 2506.16471), with the whole reference set in place of a draw with
replacement.
"""

from numpy.typing import ArrayLike

from pita.metrics.distance import wasserstein_1d


def energy_w1(a: ArrayLike, b: ArrayLike) -> float:
    """Wasserstein-1 distance between reduced energies: the least mean |beta E - beta E'| over couplings, in
    kT.

    a: (n,), b: (m,), reduced energies beta * E, finite.
    """
    return wasserstein_1d(a, b, power=1)


def energy_w2(a: ArrayLike, b: ArrayLike) -> float:
    """Wasserstein-2 distance between reduced energies: the root of the least mean (beta E - beta E')^2, in
    kT.

    a: (n,), b: (m,), reduced energies beta * E, finite.
    """
    return wasserstein_1d(a, b, power=2)
