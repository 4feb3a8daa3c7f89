"""Energy network of a molecule whose atoms and bonds are known: stiff pairs by a quadratic form, the rest by
messages.

Every pair distance r enters as its deviation from the data's, in units of its own spread at that noise level,

    z = (r - m(h)) / s(h),   m^2 = m_0^2 + (16 / pi) h,   s^2 = c_0 + 2 h,

with m_0, c_0 mean and variance of r in the training data and 2 h the variance that noise of variance h adds
along the pair; (16 / pi) h is the square of the mean length of pure noise. z is of order one at every noise
level, for bonds of 0.003 nm as for distances across the molecule. All pairs are read by potentials of
their own, by message passing as in SchNet (Schuett et al. 2017), and all at once by a perceptron: at noise
that blurs a dihedral angle, which side of a barrier a molecule is on shows in no distance but in all.

Bonded pairs and pairs that share a neighbour (bonds and angles) are close to harmonic. Their deviations d
have the covariance C in the data, and noise of variance h adds h G, G the mean of J J^T with J the gradients
of the distances; whitened,

    u = Q (L + h)^(-1/2) Q^T G^(-1/2) d,   Q L Q^T = G^(-1/2) C G^(-1/2),

they are of unit variance along every direction at every noise level, and the energy is |B(h) u|^2 / 2 with a
matrix B = 1 + sum_g gate_g(h) W_g that is learned. Being a square it has no well that the data do not show,
which a general quadratic form has along directions in which stiff molecules hardly spread. Directions in
which G vanishes (six angles about one atom are not independent) are left out.

No sample shows what lies beyond the data, and weights of annealed particles draw them into whatever wells the
learned energy has there. So a wall rises beyond |z| = 3, potentials and messages read z held within 3.5, and
what messages add is not below zero, atom by atom, and what the perceptron adds is bounded. Samples must be of
one isomer (`pita.isomers`): of a mixture with few in cis, those few are ten standard deviations away.

Distances are the same for a molecule and its mirror image. The hands of the molecule, and cis or trans of its
planar bonds, enter by their log-odds L (`pita.networks.handedness`), as the sum of softplus(-L), at full
strength at every noise level: the root of 1 + h undoes the factor of the head (`pita.networks.precondition`).
Functions of L that are even add the two wells of a density that is symmetric under reflection.
The energy is invariant under translation and proper rotation.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, softplus

from pita.networks.graph import MolecularGraph
from pita.networks.handedness import HELD, Hands, HandWells, PlanarBonds, held
from pita.networks.noise_embedding import NoiseEmbedding
from pita.networks.pairwise import FlatLinear

N_GAUSSIANS = 16
WALL, WALL_STRENGTH = 3.0, 4.0
REDUNDANT = 0.1  # eigenvalues of G below (a free distance has 2) belong to distances that depend on others
WHOLE_WIDTH, WHOLE_BOUND = 128, 10.0  # of the perceptron on all distances, and what it may add or take
CORE = 1e-6  # added to squared distances (scaled unit): a distance has no derivative at zero
N_GATES = 6  # functions of the noise level by which matrices and potentials vary
NOISE_LENGTH = 16 / torch.pi  # squared mean of the length of a difference of two noises of variance 1


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
        buffers |= {"stiff": stiff, "centres": torch.linspace(-HELD, HELD, N_GAUSSIANS)}
        for name, values in buffers.items():
            self.register_buffer(name, values, persistent=False)
        self.register_buffer("mean_distance", torch.ones(n_pairs))
        self.register_buffer("variance_distance", torch.ones(n_pairs))
        self.embedding = NoiseEmbedding(width, conditioned=conditioned)
        self.hands = Hands(graph, place=place, width=width)
        self.planes = PlanarBonds(graph)
        self.wells = HandWells(len(graph.tetrahedra()), n_gates=N_GATES)
        self.register_buffer("to_modes", torch.eye(len(stiff)))
        self.register_buffer("from_modes", torch.eye(len(stiff)))
        self.register_buffer("variance_modes", torch.ones(len(stiff)))
        self.gates = FlatLinear(width, N_GATES)
        self.whole = nn.Sequential(
            FlatLinear(n_pairs + width, WHOLE_WIDTH),
            nn.SiLU(),
            FlatLinear(WHOLE_WIDTH, WHOLE_WIDTH),
            nn.SiLU(),
            FlatLinear(WHOLE_WIDTH, 1),
        )
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

    @torch.no_grad()
    def calibrate(self, x: Tensor) -> None:
        """Take mean and variance of the pair distances, and the shapes of hands, from x (n, n_atoms, 3)."""
        distance = (x[:, self.first] - x[:, self.second]).norm(dim=-1)
        self.mean_distance.copy_(distance.mean(0))
        self.variance_distance.copy_(distance.var(0))
        self.hands.calibrate(x)
        self.planes.calibrate(x)
        self._calibrate_modes(x)

    def _calibrate_modes(self, x: Tensor) -> None:
        """Set Q, G^(-1/2) and L of the stiff pairs."""
        difference = (x[:, self.first[self.stiff]] - x[:, self.second[self.stiff]]).double()
        distance = difference.norm(dim=-1)
        covariance = torch.atleast_2d(torch.cov(distance.T))
        values, vectors = torch.linalg.eigh(self._mean_gram(difference / distance[..., None]))
        inverse_root = torch.where(values > REDUNDANT, values.clamp(min=REDUNDANT).rsqrt(), 0.0)
        whitener = vectors * inverse_root @ vectors.T
        variances, modes = torch.linalg.eigh(whitener @ covariance @ whitener)
        self.to_modes.copy_(modes.T @ whitener)
        self.from_modes.copy_(modes)
        self.variance_modes.copy_(variances.clamp(min=0))

    def _mean_gram(self, direction: Tensor) -> Tensor:
        """Return G from unit vectors (n, n_stiff, 3) along the stiff pairs."""
        incidence = direction.new_zeros(len(self.stiff), len(self.atoms))
        place = torch.arange(len(self.stiff))
        incidence[place, self.first[self.stiff]], incidence[place, self.second[self.stiff]] = 1.0, -1.0
        cosines = torch.einsum("npk,nqk->pq", direction, direction) / len(direction)
        return incidence @ incidence.T * cosines

    def forward(self, c_noise: Tensor, y: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """Sum of the quadratic form, the pair potentials, their walls, functions of atoms, and handedness."""
        x, h, condition = self._read(c_noise, y, log_beta)
        deviation = self._deviations(x, h)
        z = self._scaled(deviation, h)
        near, gates = held(z), self.gates(condition)
        gaussians = self._gaussians(near)
        hands, planes = self.hands(x, h, (near, condition)), self.planes(x, h)
        return (
            self._quadratic(deviation[:, self.stiff], h, gates)
            + self._potentials(gaussians, gates)
            + WALL_STRENGTH * relu(z.abs() - WALL).square().sum(-1) / (1 + h)
            + self._many_body(gaussians, condition)
            + self._whole(near, condition)
            + (1 + h).sqrt()
            * (softplus(-torch.cat((hands, planes), dim=1)).sum(1) + self.wells(hands, gates))
        )

    def log_odds(self, c_noise: Tensor, y: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """Log-odds of the hands that the data show against their mirror images, (N, n_tetrahedra)."""
        x, h, condition = self._read(c_noise, y, log_beta)
        z = self._scaled(self._deviations(x, h), h)
        return self.hands(x, h, (held(z), condition))

    def _read(self, c_noise: Tensor, y: Tensor, log_beta: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return the configurations, their noise variances and the conditions."""
        h = (8 * c_noise).exp()
        return y * (1 + h).sqrt()[:, None, None], h, self.embedding(c_noise, log_beta)

    def _scaled(self, deviation: Tensor, h: Tensor) -> Tensor:
        """Return z, (N, n_pairs)."""
        return deviation / (self.variance_distance + 2 * h[:, None]).sqrt()

    def _gaussians(self, values: Tensor) -> Tensor:
        """Return values (N, n) as Gaussians (N, n, N_GAUSSIANS)."""
        return torch.exp(-0.5 * ((values[..., None] - self.centres) * (N_GAUSSIANS / (2 * HELD))).square())

    def _deviations(self, x: Tensor, h: Tensor) -> Tensor:
        """Return r - m(h), (N, n_pairs)."""
        squared = (x[:, self.first] - x[:, self.second]).square().sum(-1)
        mean = (self.mean_distance.square() + NOISE_LENGTH * h[:, None]).sqrt()
        return (squared + CORE).sqrt() - mean

    def _whitened(self, deviation: Tensor, h: Tensor) -> Tensor:
        """Return u of the deviations of stiff pairs, (N, n_stiff)."""
        modes = deviation @ self.to_modes.T / (self.variance_modes + h[:, None]).sqrt()
        return modes @ self.from_modes.T

    def _quadratic(self, deviation: Tensor, h: Tensor, gates: Tensor) -> Tensor:
        """Return |u + sum_g gate_g W_g u|^2 / 2, damped where all is noise, (N,)."""
        u = self._whitened(deviation, h)
        forms = (u @ self.form.flatten(0, 1).T).view(len(u), N_GATES, -1)
        moved = u + (gates[..., None] * forms).sum(1)
        return 0.5 * moved.square().sum(-1) / (1 + h)

    def _potentials(self, gaussians: Tensor, gates: Tensor) -> Tensor:
        flat = gaussians.flatten(1) @ self.potential.flatten(1).T
        return (gates * flat).sum(-1)

    def _whole(self, z: Tensor, condition: Tensor) -> Tensor:
        """Return a function of all held z at once, (N,), between -WHOLE_BOUND and WHOLE_BOUND."""
        each = self.whole(torch.cat((z, condition), dim=1))[:, 0]
        return WHOLE_BOUND * torch.tanh(each / WHOLE_BOUND)

    def _many_body(self, gaussians: Tensor, condition: Tensor) -> Tensor:
        n_atoms = len(self.atoms)
        atoms = self.atoms + self.initial(condition)[:, None]
        for layer in range(self.depth):
            weights = self.filters[layer](gaussians) * self.pair_filters[layer]
            square = weights[:, self.place] * self.others[:, :, None]
            messages = (square * self.senders[layer](atoms)[:, None]).sum(2)
            atoms = atoms + self.updates[layer](messages / (n_atoms - 1) ** 0.5)
        described = torch.cat((atoms, condition[:, None].expand(-1, n_atoms, -1)), dim=-1)
        each = self.readout(described)
        return softplus(each).sum((1, 2))
