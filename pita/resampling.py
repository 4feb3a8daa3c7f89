"""Unbiased resampling: weights in, ancestors out (Douc, Cappe, Moulines 2005, arXiv cs/0507025).

Every scheme inverts the cumulative distribution of the weights at N positions in [0, 1) and satisfies
E[number of offspring of i] = N w_i. They differ in how the positions depend on each other, hence in variance.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from pita.log_weights import normalise


def systematic(log_w: Tensor, *, generator: torch.Generator) -> Tensor:
    """Resample at the positions (i + u) / N with one uniform u for all.

    log_w: (N,), unnormalised -> ancestors (N,) int64; offspring counts differ from N w_i by less than one.
    """
    n = len(log_w)
    positions = (torch.arange(n, device=log_w.device) + _uniform(1, generator, log_w.device)) / n
    return inverse_cdf(normalise(log_w), positions)


def stratified(log_w: Tensor, *, generator: torch.Generator) -> Tensor:
    """Resample at the positions (i + u_i) / N with independent uniforms u_i.

    log_w: (N,), unnormalised -> ancestors (N,) int64.
    """
    n = len(log_w)
    positions = (torch.arange(n, device=log_w.device) + _uniform(n, generator, log_w.device)) / n
    return inverse_cdf(normalise(log_w), positions)


def multinomial(log_w: Tensor, *, generator: torch.Generator) -> Tensor:
    """Resample at N independent uniform positions: independent ancestors, the largest variance.

    log_w: (N,), unnormalised -> ancestors (N,) int64.
    """
    return inverse_cdf(normalise(log_w), _uniform(len(log_w), generator, log_w.device))


def inverse_cdf(w: Tensor, positions: Tensor) -> Tensor:
    """Return for each position p the first index i with w_0 + ... + w_i > p, among positive weights only.

    w: (N,), non-negative, summing to one up to rounding; positions: (M,) in [0, 1] -> (M,) int64.
    """
    # Zero weights are left out beforehand: a rounded (or, on a GPU, reordered) cumulative sum could otherwise
    # select one, and a position beyond its last value, below one by rounding, would select none.
    alive = w.nonzero().squeeze(1)
    cdf = w[alive].cumsum(dim=0)
    index = torch.searchsorted(cdf, positions.to(cdf.dtype), right=True)
    return alive[index.clamp(max=len(alive) - 1)]


def _uniform(n: int, generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.rand(n, generator=generator, dtype=torch.float64, device=generator.device).to(device)


RESAMPLERS: dict[str, Callable[..., Tensor]] = {
    "systematic": systematic,
    "stratified": stratified,
    "multinomial": multinomial,
}
