"""Diffusion transformer over atoms: adaptive layer norm and no positions (Peebles and Xie 2023).

Without positional encoding the network is equivariant under permutation of the atoms; given
`atom_features`, only under permutations that keep those. Rotations it learns from rotated data.
"""

from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, scaled_dot_product_attention

from pita.geometry import remove_mean
from pita.networks.noise_embedding import NoiseEmbedding


class TransformerBlock(nn.Module):
    """Attention and a perceptron on tokens (N, n_atoms, width), scaled and gated by the noise level."""

    def __init__(self, width: int, *, heads: int):
        super().__init__()
        self.heads = heads
        self.modulation = nn.Linear(width, 6 * width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """Update the tokens; condition: (N, width)."""
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = self.modulation(condition)[:, None].chunk(
            6, dim=-1
        )
        tokens = tokens + gate * self._attention(_normalise(tokens) * (1 + scale) + shift)
        hidden = gelu(self.expand(_normalise(tokens) * (1 + scale_mlp) + shift_mlp))
        return tokens + gate_mlp * self.contract(hidden)

    def _attention(self, tokens: Tensor) -> Tensor:
        n, n_atoms, width = tokens.shape
        split = self.query_key_value(tokens).view(n, n_atoms, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(query, key, value)
        return self.projection(mixed.transpose(1, 2).reshape(n, n_atoms, width))


class Transformer(nn.Module):
    """F(c_noise, y): (N,), (N, n_atoms, 3) -> (N, n_atoms, 3), mean-free, equivariant under permutation.

    atom_features: (n_atoms, n_features), identities of the atoms, embedded linearly and added to the tokens.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        depth: int = 4,
        heads: int = 4,
        conditioned: bool = False,
        atom_features: Tensor | None = None,
    ):
        super().__init__()
        if width % heads:
            raise ValueError(f"width must be a multiple of heads, got width={width}, heads={heads}")
        self.width = width
        self.embedding = NoiseEmbedding(width, conditioned=conditioned)
        self.position = nn.Linear(3, width)
        self.register_buffer("atom_features", atom_features, persistent=False)
        self.identity = (
            None if atom_features is None else nn.Linear(atom_features.shape[-1], width, bias=False)
        )
        self.blocks = nn.ModuleList([TransformerBlock(width, heads=heads) for _ in range(depth)])
        self.output = nn.Linear(width, 3)

    def forward(self, c_noise: Tensor, y: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """Return one mean-free vector per atom; only y relative to its centre is read."""
        condition = self.embedding(c_noise, log_beta)
        tokens = self.position(remove_mean(y))
        if self.identity is not None:
            tokens = tokens + self.identity(self.atom_features)
        for block in self.blocks:
            tokens = block(tokens, condition)
        return remove_mean(self.output(_normalise(tokens)))


def _normalise(tokens: Tensor) -> Tensor:
    return layer_norm(tokens, tokens.shape[-1:])
