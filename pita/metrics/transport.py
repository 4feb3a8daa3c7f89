"""Exact optimal transport that refuses to return a value from a solver that stopped early."""

import warnings

from numpy.typing import ArrayLike

from pita.metrics.geometric import transport_w2


def least_mean_cost(costs: ArrayLike) -> float:
    """Return min_G sum_ij G_ij c_ij, rows of G summing to 1/n and columns to 1/m, in the unit of the costs.

    costs: (n, m), non-negative, finite; RuntimeError if the network simplex reaches its limit of pivots. With
    c = d it is W1, with c = d^2 the square of W2.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return transport_w2(costs) ** 2
        except Warning as warning:
            raise RuntimeError(f"the transport has not converged: {warning}") from warning
