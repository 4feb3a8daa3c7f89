"""Preconditioned score and energy heads (Karras, Aittala, Aila, Laine 2022, section 5; PITA, arXiv
2506.16471).

For data of unit variance under mean-free noise of variance h = sigma^2:

    c_s = 1 / (1 + h),   c_in = 1 / sqrt(1 + h),   c_out = sigma c_in,   c_noise = ln(sigma) / 4
    D(x, h) = c_s x + c_out F(c_noise, c_in x),            score = (D - x) / h
    U(x, h) = (1 - c_s) / (2 h) |x|^2 - c_out / (c_in h) <F(c_noise, c_in x), c_in x>

The heads take h (N,) and x (N, n_atoms, 3), mean-free, in units in which the data have about unit variance
per coordinate.
"""

from torch import Tensor, nn


class ScoreHead(nn.Module):
    """A vector network F made into a denoiser and a score."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def denoise(self, x: Tensor, h: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """D = c_s x + c_out F, the mean of the clean configuration given x; (N, n_atoms, 3)."""
        scale = _per_configuration(1 / (1 + h))
        return scale * x + _per_configuration(h.sqrt()) * scale.sqrt() * self._output(x, h, log_beta)

    def score(self, x: Tensor, h: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """(D - x) / h = -c_s x + (c_in / sigma) F, without the cancellation at small h; (N, n_atoms, 3)."""
        scale = _per_configuration(1 / (1 + h))
        return (scale / _per_configuration(h)).sqrt() * self._output(x, h, log_beta) - scale * x

    def _output(self, x: Tensor, h: Tensor, log_beta: Tensor | None) -> Tensor:
        return self.network(h.log() / 8, x * _per_configuration((1 + h).rsqrt()), log_beta)


class EnergyHead(nn.Module):
    """An energy from a vector network F by the inner product <F, c_in x>."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, h: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """U = |x|^2 / (2 (1 + h)) - <F, c_in x> / sigma; (N,), dimensionless."""
        scaled = x * _per_configuration((1 + h).rsqrt())
        overlap = (self.network(h.log() / 8, scaled, log_beta) * scaled).sum((1, 2))
        return scaled.square().sum((1, 2)) / 2 - overlap / h.sqrt()


class ScalarEnergyHead(nn.Module):
    """An energy from a scalar network f, which stays finite as h goes to 0."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, h: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """U = |x|^2 / (2 (1 + h)) + c_in f(c_noise, c_in x); (N,), dimensionless."""
        c_in = (1 + h).rsqrt()
        scaled = x * _per_configuration(c_in)
        return scaled.square().sum((1, 2)) / 2 + c_in * self.network(h.log() / 8, scaled, log_beta)

    def log_odds(self, x: Tensor, h: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """Log-odds of the hands of a network that has them; (N, n_hands)."""
        return self.network.log_odds(h.log() / 8, x * _per_configuration((1 + h).rsqrt()), log_beta)


def _per_configuration(values: Tensor) -> Tensor:
    return values[:, None, None]
