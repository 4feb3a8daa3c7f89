"""Embedding of the noise level, and of the inverse temperature where a model is conditioned on it.

The noise level enters as c_noise = ln(sigma) / 4 (Karras, Aittala, Aila, Laine 2022, table 1); the inverse
temperature as ln(beta). Each scalar is given as it is and as a few Fourier features, smooth over the range
that annealing visits.
"""

import math

import torch
from torch import Tensor, nn

N_FREQUENCIES = 8


class NoiseEmbedding(nn.Module):
    """(c_noise (N,), ln beta (N,) or None) -> (N, width); ln beta is read by conditioned embeddings only."""

    def __init__(self, width: int, *, conditioned: bool):
        super().__init__()
        self.conditioned = conditioned
        self.register_buffer(
            "frequencies", 2 * math.pi * torch.arange(1, N_FREQUENCIES + 1) / 8, persistent=False
        )
        n_features = (1 + 2 * N_FREQUENCIES) * (2 if conditioned else 1)
        self.layers = nn.Sequential(
            nn.Linear(n_features, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )

    def forward(self, c_noise: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """Embed the conditions of each configuration."""
        features = self._fourier(c_noise)
        if self.conditioned:
            if log_beta is None:
                raise ValueError("a network conditioned on temperature needs beta, got None")
            features = features + self._fourier(log_beta)
        return self.layers(torch.cat(features, dim=-1))

    def _fourier(self, scalar: Tensor) -> list[Tensor]:
        phase = scalar[:, None] * self.frequencies
        return [scalar[:, None], phase.cos(), phase.sin()]
