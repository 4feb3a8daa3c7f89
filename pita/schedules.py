"""Ladders of noise levels and of temperatures.

Noise levels follow Karras et al. 2022 (arXiv 2206.00364, equation 5) in sigma, returned as h = sigma^2.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def noise_levels(n_levels: int, *, h_min: float, h_max: float, rho: float) -> Tensor:
    """Return the n_levels + 1 ends of integration steps, equally spaced in sigma^(1/rho), h_max to h_min.

    Returns h (n_levels + 1,) float64, squared unit of x: sigma_i = (sigma_max^(1/rho) + i / n_levels *
    (sigma_min^(1/rho) - sigma_max^(1/rho)))^rho. rho = 1 is linear in sigma; large rho approaches geometric.
    """
    if n_levels < 1:
        raise ValueError(f"n_levels must be at least 1, got {n_levels}")
    if not 0 < h_min < h_max < math.inf:
        raise ValueError(f"need 0 < h_min < h_max < inf, got h_min={h_min}, h_max={h_max}")
    if not 0 < rho < math.inf:
        raise ValueError(f"rho must be positive and finite, got {rho}")
    power = 1 / (2 * rho)  # sigma^(1/rho) = h^(1/(2 rho))
    h = torch.linspace(h_max**power, h_min**power, n_levels + 1, dtype=torch.float64) ** (2 * rho)
    h[0], h[-1] = h_max, h_min  # exact ends: callers compare the last level with h_min
    return h


def check_ladder(temperatures: Sequence[float]) -> None:
    """Raise ValueError unless there are at least two temperatures, positive, finite and strictly falling."""
    if len(temperatures) < 2:
        raise ValueError(f"temperatures must hold at least two values, got {list(temperatures)}")
    if not all(0 < t < math.inf for t in temperatures):
        raise ValueError(f"temperatures must be positive and finite, got {list(temperatures)}")
    if any(hot <= cold for hot, cold in zip(temperatures[:-1], temperatures[1:], strict=True)):
        raise ValueError(f"temperatures must fall strictly, hot to cold, got {list(temperatures)}")
