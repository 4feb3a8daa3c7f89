"""Have the chains converged? Split R-hat, autocorrelation times, agreement of two runs.

Vehtari, Gelman, Simpson, Carpenter, Buerkner, Bayesian Analysis 16, 667 (2021); the autocorrelation sum ends
as in Geyer, Statistical Science 7, 473 (1992). A series holds one scalar of every chain at every draw.
"""

import torch
from torch import Tensor


def split_r_hat(series: Tensor) -> float:
    """Rank-normalised split R-hat: 1 when all half-chains tell the same story, above 1.01 when they do not.

    `series` (n_chains, n_draws). R-hat^2 = ((n-1)/n W + B/n) / W for the normal scores of the pooled ranks.
    """
    n_draws = _checked(series).shape[1]
    half = n_draws // 2
    if half < 2:
        raise ValueError(f"n_draws must be at least 4 to be split, got {n_draws}")
    z = _normal_scores(torch.cat([series[:, :half], series[:, n_draws - half :]]).double())
    within = z.var(dim=1).mean()
    between = half * z.mean(dim=1).var()
    return float(((half - 1) / half + between / (half * within)).sqrt())


def autocorrelation_time(series: Tensor) -> float:
    """Integrated autocorrelation time tau = 1 + 2 sum_t rho_t of all chains together, in draws.

    `series` (n_chains, n_draws). rho_t = 1 - (W - mean_chain c_t) / V with c_t the autocovariance of a chain,
    W the mean variance within chains and V the pooled one: chains which disagree count as correlated.
    """
    values = _checked(series).double()
    n_chains, n_draws = values.shape
    covariance = _autocovariance(values).mean(dim=0)
    within = covariance[0] * n_draws / (n_draws - 1)
    pooled = covariance[0] + (values.mean(dim=1).var() if n_chains > 1 else 0.0)
    if pooled == 0:
        raise ValueError(f"series is constant at {float(values[0, 0])}: its autocorrelation is undefined")
    rho = 1 - (within - covariance) / pooled
    rho[0] = 1.0
    pairs = rho[: n_draws - n_draws % 2].unflatten(0, (-1, 2)).sum(dim=1)
    negative = (pairs < 0).nonzero()
    pairs = pairs[: int(negative[0]) if len(negative) else len(pairs)].cummin(dim=0).values
    tau = 2 * float(pairs.sum()) - 1
    # negative autocorrelation is noise beyond this bound (Vehtari et al., section 4)
    return max(tau, 1 / max(float(torch.tensor(float(values.numel())).log10()), 1.0))


def chain_ess(series: Tensor) -> float:
    """Number of independent draws that estimate the mean as well: total / tau, in [1, total].

    `series` (n_chains, n_draws).
    """
    total = series.numel()
    return min(max(total / autocorrelation_time(series), 1.0), float(total))


def quantile_gap(first: Tensor, second: Tensor, *, probabilities: tuple[float, ...]) -> Tensor:
    """Difference of the quantiles of two runs, in the unit of the values; near zero when both have converged.

    `first` (N,), `second` (M,) -> (n_probabilities,): q_first - q_second.
    """
    levels = torch.tensor(probabilities, dtype=torch.float64, device=first.device)
    return torch.quantile(first.double(), levels) - torch.quantile(second.double(), levels)


def _autocovariance(values: Tensor) -> Tensor:
    """Biased autocovariances c_t (n_chains, n_draws) by FFT, zero-padded against wrap-around."""
    n_draws = values.shape[1]
    spectrum = torch.fft.rfft(values - values.mean(dim=1, keepdim=True), n=2 * n_draws)
    return torch.fft.irfft(spectrum.abs().square(), n=2 * n_draws)[:, :n_draws] / n_draws


def _normal_scores(values: Tensor) -> Tensor:
    """Normal quantiles of the pooled ranks, (rank - 3/8) / (S + 1/4); ties share their mean rank."""
    _, inverse, counts = values.flatten().unique(return_inverse=True, return_counts=True)
    mean_rank = counts.cumsum(0).double() - (counts.double() - 1) / 2
    return torch.special.ndtri((mean_rank[inverse] - 0.375) / (values.numel() + 0.25)).view_as(values)


def _checked(series: Tensor) -> Tensor:
    if series.ndim != 2 or series.shape[1] < 2:
        raise ValueError(f"series must be (n_chains, n_draws >= 2), got {tuple(series.shape)}")
    if not torch.isfinite(series).all():
        raise ValueError("series holds non-finite values")
    return series
