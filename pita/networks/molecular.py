"""Energy network of a molecule whose atoms and bonds are known: stiff pairs by a quadratic form, the rest by
messages.

Every pair distance r enters as its deviation from the data's, in units of its own spread at that noise level,

    z = (r - m(h)) / s(h),   m^2 = m_0^2 + (16 / pi) h,   s^2 = c_0 + 2 h,

with m_0, c_0 mean and variance of r in the training data and 2 h the variance that noise of variance h adds
along the pair; (16 / pi) h is the square of the mean length of pure noise. z is of order one at every noise
level, for bonds of 0.003 nm as for distances across the molecule. Bonded pairs and pairs that share a
neighbour (bonds and angles) form a quadratic form in z, whose matrix depends on the noise level; all pairs
are read by potentials of their own and by message passing as in SchNet (Schuett et al. 2017). Beyond |z| = 3,
where there are no data, a wall rises: without it the learned energy has wells there, such as peptide bonds
turned to cis, into which annealed particles fall.

Distances hardly see handedness, and no sample shows the other hand, so nothing could be learned of it. The
signed volume v = a . (b x c) of the four neighbours of a tetrahedral atom, labelled as they are (of a methyl
group too, whose hydrogens never exchange), enters as the log-odds of a noisy sample,

    -log P(hand | v) = softplus(-a(h) 2 v v_0 / s_v^2(h)),   s_v^2 = c_v + c_1 h + c_2 h^2 + 24 h^3,

with v_0, c_v mean and variance of v in the data, s_v^2 the variance of v under noise (c_1 the mean squared
gradient, c_2 the mean of 6 (a.a + b.b + c.c) - 4 (a.b + b.c + c.a), and 24 h^3 that of pure noise), and a
factor a(h) between 1/e and e that is learned. The energy is invariant under translation and proper rotation.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, softplus

from pita.networks.graph import MolecularGraph
from pita.networks.noise_embedding import NoiseEmbedding
from pita.networks.pairwise import FlatLinear

N_GAUSSIANS = 16
Z_RANGE = (-3.5, 3.5)
WALL, WALL_STRENGTH = 3.0, 2.0
CORE = 1e-6  # added to squared distances (scaled unit): a distance has no derivative at zero
N_GATES = 6  # functions of the noise level by which matrices and potentials vary
NOISE_LENGTH = 16 / torch.pi  # squared mean of the length of a difference of two noises of variance 1
VOLUME_OF_NOISE = 24.0  # mean square of the volume of four points that are noise of variance 1


class MolecularScalar(nn.Module):
    """f(c_noise, y) -> (N,), invariant; `calibrate` sets the statistics of the pair distances."""

    def __init__(self, *, graph: MolecularGraph, width: int = 32, depth: int = 2, conditioned: bool = False):
        super().__init__()
        self.depth, n_atoms = depth, len(graph.elements)
        first, second = torch.triu_indices(n_atoms, n_atoms, offset=1)
        n_pairs = len(first)
        place = torch.zeros(n_atoms, n_atoms, dtype=torch.long)
        place[first, second] = place[second, first] = torch.arange(n_pairs)
        stiff = place[tuple(graph.stiff_pairs().T)]
        buffers = {"first": first, "second": second, "place": place, "others": 1 - torch.eye(n_atoms)}
        buffers |= {"stiff": stiff, "corners": graph.tetrahedra()}
        buffers["centres"] = torch.linspace(*Z_RANGE, N_GAUSSIANS)
        for name, values in buffers.items():
            self.register_buffer(name, values, persistent=False)
        self.register_buffer("mean_distance", torch.ones(n_pairs))
        self.register_buffer("variance_distance", torch.ones(n_pairs))
        self.register_buffer("mean_volume", torch.ones(len(self.corners)))
        self.register_buffer("variance_volume", torch.ones(3, len(self.corners)))
        self.embedding = NoiseEmbedding(width, conditioned=conditioned)
        self.gates = FlatLinear(width, N_GATES)
        self.form = nn.Parameter(torch.zeros(N_GATES, len(stiff), len(stiff)))
        self.potential = nn.Parameter(torch.zeros(N_GATES, n_pairs, N_GAUSSIANS))
        self.atoms = nn.Parameter(torch.randn(n_atoms, width))
        self.initial = FlatLinear(width, width)
        self.filters = nn.ModuleList([FlatLinear(N_GAUSSIANS, width) for _ in range(depth)])
        self.pair_filters = nn.ParameterList(
            [nn.Parameter(0.1 * torch.randn(n_pairs, width)) for _ in range(depth)]
        )
        self.senders = nn.ModuleList([FlatLinear(width, width) for _ in range(depth)])
        self.updates = nn.ModuleList(
            [
                nn.Sequential(FlatLinear(width, width), nn.SiLU(), FlatLinear(width, width))
                for _ in range(depth)
            ]
        )
        self.readout = nn.Sequential(FlatLinear(2 * width, width), nn.SiLU(), FlatLinear(width, 1))
        self.sharpness = FlatLinear(width, 1)

    @torch.no_grad()
    def calibrate(self, x: Tensor) -> None:
        """Take mean and variance of the pair distances, and the volumes, from x (n, n_atoms, 3), scaled."""
        distance = (x[:, self.first] - x[:, self.second]).norm(dim=-1)
        self.mean_distance.copy_(distance.mean(0))
        self.variance_distance.copy_(distance.var(0))
        volume, first_order, second_order = self._volumes(x)
        self.mean_volume.copy_(volume.mean(0))
        variance = (volume - self.mean_volume).square().mean(0)
        self.variance_volume.copy_(torch.stack((variance, first_order.mean(0), second_order.mean(0))))

    def forward(self, c_noise: Tensor, y: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """Sum of the quadratic form, the pair potentials, their walls, functions of atoms, and handedness."""
        h = (8 * c_noise).exp()
        x = y * (1 + h).sqrt()[:, None, None]
        condition = self.embedding(c_noise, log_beta)
        z = self._deviations(x, h)
        gaussians = torch.exp(-0.5 * ((z[..., None] - self.centres) * (N_GAUSSIANS / 7)).square())
        gates = self.gates(condition)
        return (
            self._quadratic(z[:, self.stiff], h, gates)
            + self._potentials(gaussians, gates)
            + WALL_STRENGTH * relu(z.abs() - WALL).square().sum(-1)
            + self._many_body(gaussians, condition)
            + self._handed(x, h, condition)
        )

    def _deviations(self, x: Tensor, h: Tensor) -> Tensor:
        """Return z (N, n_pairs)."""
        squared = (x[:, self.first] - x[:, self.second]).square().sum(-1)
        mean = (self.mean_distance.square() + NOISE_LENGTH * h[:, None]).sqrt()
        return ((squared + CORE).sqrt() - mean) / (self.variance_distance + 2 * h[:, None]).sqrt()

    def _quadratic(self, z: Tensor, h: Tensor, gates: Tensor) -> Tensor:
        """Return z^T (1 / (1 + h) + sum_g gate_g W_g) z / 2, (N,)."""
        forms = torch.einsum("na,gab->ngb", z, self.form)
        learned = (gates * (forms * z[:, None]).sum(-1)).sum(-1)
        return 0.5 * (z.square().sum(-1) / (1 + h) + learned)

    def _potentials(self, gaussians: Tensor, gates: Tensor) -> Tensor:
        flat = gaussians.flatten(1) @ self.potential.flatten(1).T
        return (gates * flat).sum(-1)

    def _many_body(self, gaussians: Tensor, condition: Tensor) -> Tensor:
        n_atoms = len(self.atoms)
        atoms = self.atoms + self.initial(condition)[:, None]
        for layer in range(self.depth):
            weights = self.filters[layer](gaussians) * self.pair_filters[layer]
            square = weights[:, self.place] * self.others[:, :, None]
            messages = (square * self.senders[layer](atoms)[:, None]).sum(2)
            atoms = atoms + self.updates[layer](messages / (n_atoms - 1) ** 0.5)
        described = torch.cat((atoms, condition[:, None].expand(-1, n_atoms, -1)), dim=-1)
        return self.readout(described).sum((1, 2))

    def _volumes(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return signed volumes of tetrahedra, c_1 and c_2; (N, n_tetrahedra) each."""
        *others, last = (x[:, corner] for corner in self.corners.unbind(1))
        first, second, third = (other - last for other in others)
        areas = [torch.linalg.cross(*two) for two in ((second, third), (third, first), (first, second))]
        squares = [vector.square().sum(-1) for vector in (*areas, areas[0] + areas[1] + areas[2])]
        edges = sum(edge.square().sum(-1) for edge in (first, second, third))
        # |a + b + c|^2 holds each scalar product twice.
        second_order = 8 * edges - 2 * (first + second + third).square().sum(-1)
        return (first * areas[0]).sum(-1), sum(squares), second_order

    def _handed(self, x: Tensor, h: Tensor, condition: Tensor) -> Tensor:
        powers = torch.stack((torch.ones_like(h), h, h.square()), dim=1)
        variance = powers @ self.variance_volume + VOLUME_OF_NOISE * (h**3)[:, None]
        log_odds = 2 * self._volumes(x)[0] * self.mean_volume / variance
        return softplus(-log_odds * torch.exp(torch.tanh(self.sharpness(condition)))).sum(1)
