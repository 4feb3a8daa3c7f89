"""Importance weights on the log scale: normalisation, effective sample size, mean (float64 throughout).

A single -inf is a dead particle. NaN, +inf, or no particle alive raises: such weights carry no information.
"""

import math

import torch
from torch import Tensor


def normalise(log_w: Tensor) -> Tensor:
    """Return weights w_i = exp(log_w_i) / sum_j exp(log_w_j).

    log_w: (N,), unnormalised -> (N,) float64, summing to one.
    """
    return torch.softmax(_checked(log_w), dim=0)


def effective_sample_size(log_w: Tensor) -> float:
    """Return ESS = (sum w)^2 / sum w^2, in [1, N].

    log_w: (N,), unnormalised.
    """
    w = normalise(log_w)
    ess = w.sum().square() / w.square().sum()
    return min(max(ess.item(), 1.0), float(len(w)))  # rounding may leave the interval by one ulp


def log_mean_exp(log_w: Tensor) -> float:
    """Return log (1/N sum_i exp(log_w_i)), the log of the estimated ratio of normalising constants.

    log_w: (N,), unnormalised.
    """
    log_w = _checked(log_w)
    return torch.logsumexp(log_w, dim=0).item() - math.log(len(log_w))


def _checked(log_w: Tensor) -> Tensor:
    if log_w.ndim != 1 or len(log_w) == 0:
        raise ValueError(f"log_w must have shape (N,) with N >= 1, got {tuple(log_w.shape)}")
    log_w = log_w.detach().double()
    largest = log_w.max().item()  # NaN propagates through max
    if math.isnan(largest) or largest == math.inf:
        bad = (log_w.isnan() | log_w.isposinf()).sum().item()
        raise ValueError(f"log_w contains {bad} NaN or +inf of {len(log_w)} entries")
    if largest == -math.inf:
        raise ValueError(f"log_w is -inf for all of its {len(log_w)} particles")
    return log_w
