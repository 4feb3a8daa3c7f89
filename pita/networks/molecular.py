"""Energy network of a molecule whose atoms and bonds are known: stiff pairs by a quadratic form, the rest by
messages.

Every pair distance r enters as its deviation from the data's, in units of its own spread at that noise level,

    z = (r - m(h)) / s(h),   m^2 = m_0^2 + (16 / pi) h,   s^2 = c_0 + 2 h,

with m_0, c_0 mean and variance of r in the training data and 2 h the variance that noise of variance h adds
along the pair; (16 / pi) h is the square of the mean length of pure noise. z is of order one at every noise
level, for bonds of 0.003 nm as for distances across the molecule. All pairs are read by potentials of their
own and by message passing as in SchNet (Schuett et al. 2017). So are the signed volumes v = a . (b x c) of
the four atoms of a torsion and of the four neighbours of a tetrahedral atom, over their root mean square: at
noise that blurs the hand of a molecule, distances cannot say on which side of zero a torsion is.

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
what messages add is bounded, atom by atom. Samples must be of one isomer (`pita.isomers`): of a mixture with
few in cis, those few are ten standard deviations away.

Nor does any sample show the other hand. A tetrahedral atom with its four neighbours, labelled as they are (a
methyl group too, whose hydrogens never exchange), is nearly rigid. The density of a rigid fragment X under
noise, in any orientation, and that of its mirror image are normalising constants of matrix Fisher densities,
integrals of exp(tr R^T M) over rotations R, at M and -M, M = x^T X / (h + c), c the variance of the fragment
about X. Their log-ratio is 2 det M / 6 where noise prevails and twice the signed least singular value where
it does not; with e_2 the second symmetric function of the squared singular values,

    l = 2 det M / (6 + sqrt(e_2)),   -log P(hand | x) = softplus(-a(h) l - sum_q b_q(h) v_q)

has the first limit and where the hand is in doubt nearly the second. A factor a(h) between 1/e and e and the
evidence b of all volumes, zero at the start, are learned. Likewise for cis and trans at a bond between two
planar atoms, as in a peptide bond: with e the vector between the two other neighbours of its one end and f
that of its other end, q = e . f has one sign in either, variance c_q + 2 h (|e|^2 + |f|^2) + 12 h^2 under
noise, and log-odds 2 q q_0 / variance.

The variance of a volume under noise is c_v + c_1 h + c_2 h^2 + 24 h^3, c_1 the mean squared gradient, c_2 the
mean of 6 (a.a + b.b + c.c) - 4 (a.b + b.c + c.a), and the last that of pure noise. The energy is invariant
under translation and proper rotation.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, softplus

from pita.geometry import aligned, remove_mean
from pita.networks.graph import MolecularGraph
from pita.networks.noise_embedding import NoiseEmbedding
from pita.networks.pairwise import FlatLinear

N_GAUSSIANS = 16
Z_RANGE = (-3.5, 3.5)
CLAMP_POWER = 8  # how sharply z is held in its range where potentials and messages read it
WALL, WALL_STRENGTH = 3.0, 4.0
REDUNDANT = 0.1  # eigenvalues of G below (a free distance has 2) belong to distances that depend on others
ATOM_BOUND = 2.0  # what messages may add to or take from the energy, per atom
CORE = 1e-6  # added to squared distances (scaled unit): a distance has no derivative at zero
N_GATES = 6  # functions of the noise level by which matrices and potentials vary
NOISE_LENGTH = 16 / torch.pi  # squared mean of the length of a difference of two noises of variance 1
PRODUCT_OF_NOISE = 12.0  # mean square of q of four points that are noise of variance 1
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
        fragments = graph.tetrahedra()
        corners = torch.cat((fragments[:, :4], graph.torsions()))
        n_hands, n_quadruples = len(fragments), len(corners)
        member = torch.nn.functional.one_hot(corners, n_atoms).sum(1).float()
        buffers |= {"stiff": stiff, "corners": corners, "member": member}
        buffers |= {"fragments": fragments, "planes": graph.planar_bonds()}
        buffers["centres"] = torch.linspace(*Z_RANGE, N_GAUSSIANS)
        for name, values in buffers.items():
            self.register_buffer(name, values, persistent=False)
        self.register_buffer("mean_distance", torch.ones(n_pairs))
        self.register_buffer("variance_distance", torch.ones(n_pairs))
        self.register_buffer("mean_volume", torch.ones(len(self.corners)))
        self.register_buffer("variance_volume", torch.ones(3, len(self.corners)))
        self.embedding = NoiseEmbedding(width, conditioned=conditioned)
        self.register_buffer("shape", torch.ones(n_hands, 5, 3))
        self.register_buffer("looseness", torch.ones(n_hands))
        self.register_buffer("mean_isomer", torch.ones(len(self.planes)))
        self.register_buffer("variance_isomer", torch.ones(2, len(self.planes)))
        self.register_buffer("to_modes", torch.eye(len(stiff)))
        self.register_buffer("from_modes", torch.eye(len(stiff)))
        self.register_buffer("variance_modes", torch.ones(len(stiff)))
        self.gates = FlatLinear(width, N_GATES)
        self.form = nn.Parameter(torch.zeros(N_GATES, len(stiff), len(stiff)))
        self.potential = nn.Parameter(torch.zeros(N_GATES, n_pairs + n_quadruples, N_GAUSSIANS))
        self.evidence = nn.Parameter(torch.zeros(N_GATES, n_quadruples, n_hands))
        self.atoms = nn.Parameter(torch.randn(n_atoms, width))
        self.initial = FlatLinear(width, width)
        self.filters = nn.ModuleList([FlatLinear(N_GAUSSIANS, width) for _ in range(depth)])
        self.pair_filters = nn.ParameterList(
            [nn.Parameter(0.1 * torch.randn(n_pairs, width)) for _ in range(depth)]
        )
        self.signed_filters = nn.ModuleList([FlatLinear(N_GAUSSIANS, width) for _ in range(depth)])
        self.quadruple_filters = nn.ParameterList(
            [nn.Parameter(0.1 * torch.randn(n_quadruples, width)) for _ in range(depth)]
        )
        self.senders = nn.ModuleList([FlatLinear(width, width) for _ in range(depth)])
        self.updates = nn.ModuleList(
            [
                nn.Sequential(FlatLinear(width, width), nn.SiLU(), FlatLinear(width, width))
                for _ in range(depth)
            ]
        )
        self.readout = nn.Sequential(FlatLinear(2 * width, width), nn.SiLU(), FlatLinear(width, 1))
        self.sharpness = FlatLinear(width, 2)

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
        for hand, fragment in enumerate(self.fragments):
            rigid = remove_mean(x[:, fragment])
            turned = aligned(rigid, rigid[0])
            self.shape[hand] = turned.mean(0)
            self.looseness[hand] = (turned - self.shape[hand]).square().mean()
        product, lengths = self._products(x)
        self.mean_isomer.copy_(product.mean(0))
        variance = (product - self.mean_isomer).square().mean(0)
        self.variance_isomer.copy_(torch.stack((variance, 2 * lengths.mean(0))))
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
        h = (8 * c_noise).exp()
        x = y * (1 + h).sqrt()[:, None, None]
        condition = self.embedding(c_noise, log_beta)
        deviation = self._deviations(x, h)
        z = deviation / (self.variance_distance + 2 * h[:, None]).sqrt()
        volumes = self._signed(x, h)
        # One after another, as potentials read them; messages tell pairs from quadruples.
        gaussians = self._gaussians(torch.cat((z, volumes), dim=1))
        gates = self.gates(condition)
        return (
            self._quadratic(deviation[:, self.stiff], h, gates)
            + self._potentials(gaussians, gates)
            + WALL_STRENGTH * relu(z.abs() - WALL).square().sum(-1) / (1 + h)
            + self._many_body(gaussians, condition)
            + self._handed(x, h, (volumes, gates, condition))
            + self._isomeric(x, h, condition)
        )

    def _gaussians(self, values: Tensor) -> Tensor:
        """Return values (N, n), held in their range, as Gaussians (N, n, N_GAUSSIANS)."""
        return torch.exp(-0.5 * ((held(values)[..., None] - self.centres) * (N_GAUSSIANS / 7)).square())

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

    def _many_body(self, gaussians: Tensor, condition: Tensor) -> Tensor:
        n_atoms, n_pairs = len(self.atoms), len(self.first)
        atoms = self.atoms + self.initial(condition)[:, None]
        for layer in range(self.depth):
            weights = self.filters[layer](gaussians[:, :n_pairs]) * self.pair_filters[layer]
            square = weights[:, self.place] * self.others[:, :, None]
            messages = (square * self.senders[layer](atoms)[:, None]).sum(2)
            signed = self.signed_filters[layer](gaussians[:, n_pairs:]) * self.quadruple_filters[layer]
            messages = messages + torch.einsum("nqw,qa->naw", signed, self.member)
            atoms = atoms + self.updates[layer](messages / (n_atoms - 1) ** 0.5)
        described = torch.cat((atoms, condition[:, None].expand(-1, n_atoms, -1)), dim=-1)
        each = self.readout(described)
        return ATOM_BOUND * torch.tanh(each / ATOM_BOUND).sum((1, 2))

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

    def _products(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return q of the planar bonds, and |e|^2 + |f|^2; (N, n_planes) each."""
        first, second, third, fourth = (x[:, corner] for corner in self.planes.unbind(1))
        e, f = first - second, third - fourth
        return (e * f).sum(-1), e.square().sum(-1) + f.square().sum(-1)

    def _signed(self, x: Tensor, h: Tensor) -> Tensor:
        """Return the volumes of quadruples, tetrahedra first, over their root mean squares; (N, n)."""
        powers = torch.stack((torch.ones_like(h), h, h.square()), dim=1)
        variance = powers @ self.variance_volume + VOLUME_OF_NOISE * (h**3)[:, None]
        return self._volumes(x)[0] / (self.mean_volume.square() + variance).sqrt()

    def _handed(self, x: Tensor, h: Tensor, read: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Return -log P of the hands that the data show, (N,); read: volumes, gates, condition."""
        volumes, gates, condition = read
        each = torch.einsum("nq,gqh->ngh", held(volumes), self.evidence)
        sharpness = torch.exp(torch.tanh(self.sharpness(condition)[:, :1]))
        log_odds = sharpness * self._log_odds(x, h) + (gates[..., None] * each).sum(1)
        return softplus(-log_odds).sum(1)

    def _log_odds(self, x: Tensor, h: Tensor) -> Tensor:
        """Return the log-odds of the hand of each fragment, were it rigid; (N, n_hands)."""
        fragments = x[:, self.fragments]
        fragments = fragments - fragments.mean(2, keepdim=True)
        overlap = torch.einsum("nfai,faj->nfij", fragments, self.shape)
        overlap = overlap / (h[:, None] + self.looseness)[..., None, None]
        square = overlap.mT @ overlap
        trace = square.diagonal(dim1=2, dim2=3).sum(-1)
        minors = 0.5 * (trace.square() - square.square().sum((2, 3)))
        first, second, third = overlap.unbind(2)
        determinant = (first * torch.linalg.cross(second, third)).sum(-1)
        return 2 * determinant / ((minors.clamp(min=0) + CORE).sqrt() + 6)

    def _isomeric(self, x: Tensor, h: Tensor, condition: Tensor) -> Tensor:
        """Return -log P of the isomers that the data show, (N,)."""
        variance = self.variance_isomer[0] + h[:, None] * self.variance_isomer[1]
        variance = variance + PRODUCT_OF_NOISE * h.square()[:, None]
        log_odds = 2 * self._products(x)[0] * self.mean_isomer / variance
        return softplus(-log_odds * torch.exp(torch.tanh(self.sharpness(condition)[:, 1:]))).sum(1)


def held(values: Tensor) -> Tensor:
    """Return values smoothly held in Z_RANGE."""
    return values / (1 + (values / Z_RANGE[1]) ** CLAMP_POWER) ** (1 / CLAMP_POWER)
