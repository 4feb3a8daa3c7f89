"""E(n)-equivariant graph network on the complete graph (Satorras, Hoogeboom, Welling 2021, equations 3 to 6).

The variant of the LJ-13 experiments of PITA (arXiv 2506.16471): hidden width 32, 3 layers, attention on the
edges, bounded (tanh) coordinate updates. Edges are kept as a dense (n_atoms, n_atoms) block whose diagonal
is masked, and the first linear map of the edge network is applied to the two ends before they are paired,
which is the same function at a fraction of the cost.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from pita.geometry import remove_mean
from pita.networks.noise_embedding import NoiseEmbedding

# Largest displacement over all layers per neighbour, in units of the scaled input, as in the released code.
COORDINATE_RANGE = 15.0


class EgnnLayer(nn.Module):
    """One round of messages, updating nodes (N, n_atoms, width) and coordinates (N, n_atoms, 3)."""

    def __init__(self, width: int, *, coordinate_range: float):
        super().__init__()
        self.coordinate_range = coordinate_range
        self.receiver = nn.Linear(width, width)
        self.sender = nn.Linear(width, width, bias=False)
        self.distances = nn.Linear(2, width, bias=False)
        self.edge = nn.Linear(width, width)
        self.attention = nn.Linear(width, 1)
        self.coordinate = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1, bias=False))
        self.node = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, width))
        # Starts near the identity, so that the first steps do not throw the atoms about.
        nn.init.xavier_uniform_(self.coordinate[-1].weight, gain=1e-3)

    def forward(self, nodes: Tensor, y: Tensor, initial: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """Update nodes and coordinates; `initial` (N, n_atoms, n_atoms): squared input distances, `others`:
        1 off the diagonal.
        """
        difference = y[:, :, None] - y[:, None]
        squared = difference.square().sum(-1)
        paired = self.receiver(nodes)[:, :, None] + self.sender(nodes)[:, None]
        edges = silu(self.edge(silu(paired + self.distances(torch.stack((squared, initial), dim=-1)))))
        edges = edges * self.attention(edges).sigmoid() * others[:, :, None]
        step = torch.tanh(self.coordinate(edges)) * self.coordinate_range * others[:, :, None]
        # The small constant keeps the derivative of the norm finite on the diagonal.
        direction = difference / ((squared + 1e-8).sqrt() + 1)[..., None]
        y = y + (direction * step).sum(2) / others.sum(1)[:, None]
        return nodes + self.node(torch.cat((nodes, edges.sum(2)), dim=-1)), y


class Egnn(nn.Module):
    """F(c_noise, y) -> (N, n_atoms, 3), equivariant under rotation, reflection and permutation."""

    def __init__(self, *, n_atoms: int, width: int = 32, depth: int = 3, conditioned: bool = False):
        super().__init__()
        self.embedding = NoiseEmbedding(width, conditioned=conditioned)
        layers = [EgnnLayer(width, coordinate_range=COORDINATE_RANGE / depth) for _ in range(depth)]
        self.layers = nn.ModuleList(layers)
        self.register_buffer("others", 1 - torch.eye(n_atoms), persistent=False)

    def forward(self, c_noise: Tensor, y: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """Return the displacement of the coordinates over all layers, mean-free."""
        nodes = self.embedding(c_noise, log_beta)[:, None].expand(-1, y.shape[1], -1)
        initial = (y[:, :, None] - y[:, None]).square().sum(-1)
        moved = y
        for layer in self.layers:
            nodes, moved = layer(nodes, moved, initial, self.others)
        return remove_mean(moved - y)
