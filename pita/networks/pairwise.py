"""Continuous-filter network on atom pairs with an explicit learned pair potential.

Messages are filtered by functions of the pair distance and the noise level alone (SchNet, Schuett et al.
2017), so filters are symmetric and computed once per pair i < j. Distances enter through u = ln(r^2 + 0.05)
and Gaussians in u: the resolution is relative, finest where the repulsive core lies, and finite at r = 0.
From the features, invariant under rotation and reflection, either a scalar is read (atom terms plus a pair
potential) or a vector (central pair forces).
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from pita.networks.noise_embedding import NoiseEmbedding

N_RADIAL = 32
# Range of u for scaled distances between 0 and 6; the core keeps it, and its derivatives, finite at r = 0.
RADIAL_RANGE = (-3.0, 3.6)
CORE = 0.05


class FlatLinear(nn.Linear):
    """A linear map over the last axis as one matrix product, also where torch would make many.

    Under two derivatives a product with an expanded or sliced three-axis input is run once per configuration.
    """

    def forward(self, values: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        flat = super().forward(values.reshape(-1, self.in_features))
        return flat.view(*values.shape[:-1], self.out_features)


class Pairwise(nn.Module):
    """The shared trunk: (c_noise (N,), y (N, n_atoms, 3)) -> features of atoms and of pairs.

    Returns atoms (N, n_atoms, width), pairs (N, n_pairs, N_RADIAL), pairs i < j in row order.
    """

    def __init__(self, *, n_atoms: int, width: int = 32, depth: int = 3, conditioned: bool = False):
        super().__init__()
        self.width, self.depth = width, depth
        self.embedding = NoiseEmbedding(width, conditioned=conditioned)
        self.initial = FlatLinear(width, width)
        # No hidden layer on the pairs, where the cost is: Gaussians suffice for functions of one distance.
        self.modulation = FlatLinear(width, 2 * N_RADIAL)
        self.filters = nn.ModuleList([FlatLinear(N_RADIAL, width) for _ in range(depth)])
        self.senders = nn.ModuleList([FlatLinear(width, width) for _ in range(depth)])
        self.updates = nn.ModuleList(
            [
                nn.Sequential(FlatLinear(width, width), nn.SiLU(), FlatLinear(width, width))
                for _ in range(depth)
            ]
        )
        first, second = torch.triu_indices(n_atoms, n_atoms, offset=1)
        place = torch.zeros(n_atoms, n_atoms, dtype=torch.long)
        place[first, second] = place[second, first] = torch.arange(len(first))
        buffers = {"first": first, "second": second, "place": place, "others": 1 - torch.eye(n_atoms)}
        buffers["centres"] = torch.linspace(*RADIAL_RANGE, N_RADIAL)
        for name, values in buffers.items():
            self.register_buffer(name, values, persistent=False)

    def forward(self, c_noise: Tensor, y: Tensor, log_beta: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Pass messages between all atoms, scaled by the root of their number."""
        condition = self.embedding(c_noise, log_beta)
        difference = y[:, self.first] - y[:, self.second]
        gaussians = self._gaussians(difference.square().sum(-1))
        scale, readout = self.modulation(condition)[:, None].chunk(2, dim=-1)
        filtered = gaussians * (1 + scale)
        atoms = self.initial(condition)[:, None].expand(-1, y.shape[1], -1)
        for layer in range(self.depth):
            weights = self.square(self.filters[layer](filtered))
            messages = (weights * self.senders[layer](atoms)[:, None]).sum(2)
            atoms = atoms + self.updates[layer](messages / (y.shape[1] - 1) ** 0.5)
        return atoms, gaussians * readout

    def square(self, pairs: Tensor) -> Tensor:
        """(N, n_pairs, width) -> (N, n_atoms, n_atoms, width), symmetric, zero on the diagonal."""
        return pairs[:, self.place] * self.others[:, :, None]

    def _gaussians(self, squared: Tensor) -> Tensor:
        spacing = (RADIAL_RANGE[1] - RADIAL_RANGE[0]) / N_RADIAL
        u = torch.log(squared + CORE)
        return torch.exp(-0.5 * ((u[..., None] - self.centres) / spacing).square())


class PairwiseVector(nn.Module):
    """F(c_noise, y) -> (N, n_atoms, 3): the sum of central forces of all pairs, mean-free, equivariant."""

    def __init__(self, **settings):
        super().__init__()
        self.trunk = Pairwise(**settings)
        width = self.trunk.width
        self.atom, self.pair = FlatLinear(width, width), FlatLinear(N_RADIAL, width, bias=False)
        self.strength = FlatLinear(width, 1)

    def forward(self, c_noise: Tensor, y: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """F_i = sigma c_in sum_j w_ij (y_i - y_j), with w symmetric.

        The factor sigma c_in makes the score of the preconditioned model finite as sigma goes to 0.
        """
        trunk = self.trunk
        atoms, pairs = trunk(c_noise, y, log_beta)
        atoms = self.atom(atoms)
        hidden = silu(self.pair(pairs) + atoms[:, trunk.first] + atoms[:, trunk.second])
        weights = trunk.square(self.strength(hidden))[..., 0]
        force = weights.sum(2, keepdim=True) * y - weights @ y
        # sigma^2 / (1 + sigma^2), with ln sigma = 4 c_noise
        return force * torch.sigmoid(8 * c_noise).sqrt()[:, None, None]


class PairwiseScalar(nn.Module):
    """f(c_noise, y) -> (N,): a function of each atom's features plus a learned pair potential."""

    def __init__(self, **settings):
        super().__init__()
        self.trunk = Pairwise(**settings)
        width = self.trunk.width
        self.atom, self.pair = _perceptron(width, width), _perceptron(N_RADIAL, width)

    def forward(self, c_noise: Tensor, y: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """Sum over atoms and pairs."""
        atoms, pairs = self.trunk(c_noise, y, log_beta)
        return self.atom(atoms).sum((1, 2)) + self.pair(pairs).sum((1, 2))


def _perceptron(n_features: int, width: int) -> nn.Sequential:
    return nn.Sequential(FlatLinear(n_features, width), nn.SiLU(), FlatLinear(width, 1))
