"""The hands of a molecule under noise: how likely a noisy configuration is of the hands that the data show.

Distances do not tell a molecule from its mirror image, and no sample shows the other hand, so that the
density of the data is one that is even under reflection times P(hands | x). A tetrahedral atom with its four
neighbours, labelled as they are (a methyl group too, whose hydrogens never exchange), is nearly rigid. The
density of a rigid fragment X under noise of variance h, in any orientation, and that of its mirror image are
normalising constants of matrix Fisher densities, integrals of exp(tr R^T M) over rotations R, at M and -M,
M = x^T X / (h + c), c the variance of the fragment about X. Their log-ratio is 2 det M / 6 where noise
prevails and twice the signed least singular value where it does not; with e_2 the second symmetric function
of the squared singular values,

    l = 2 det M / (6 + sqrt(e_2))

has the first limit and where the hand is in doubt nearly the second. At a stereocentre, where no two
neighbours are alike, the surroundings know more: at noise as large as a bond, a molecule is told from its
mirror image by all its turns and distances together. Their evidence is an odd function of the triple products
v of the vectors from the centre to atoms within three bonds,

    L = l + F(v, z, h) - F(-v, z, h),

z the scaled distances of the same atoms. Atoms that have a twin (hydrogens of a methyl group, oxygens of a
carboxylate) are no evidence: reflection leaves a molecule of the data with its twins exchanged, and that
exchange would be all that is learned. L is the log-odds of a hand against its mirror image if both are
equally likely beforehand, and `pita.losses.hand_cross_entropy` makes it so: of data alone, since L is odd.

For cis and trans at a bond between two planar atoms, as in a peptide bond: with e the vector between the two
other neighbours of its one end and f that of its other end, q = e . f has one sign in either, variance
c_q + 2 h (|e|^2 + |f|^2) + 12 h^2 under noise, and log-odds 2 q q_0 / variance.

The variance of a triple product under noise is c_v + c_1 h + c_2 h^2 + 24 h^3, c_1 the mean squared gradient,
c_2 the mean of 6 (a.a + b.b + c.c) - 4 (a.b + b.c + c.a), and the last that of pure noise.
"""

from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn.functional import silu, softplus

from pita.geometry import aligned, remove_mean
from pita.networks.graph import MolecularGraph
from pita.networks.pairwise import FlatLinear

CORE = 1e-6  # under the root of e_2, which has no derivative at zero
REACH = 3  # bonds from a stereocentre to what is evidence of its hand
WIDTH = 96  # of F
PRODUCT_OF_NOISE = 12.0  # mean square of q of four points that are noise of variance 1
VOLUME_OF_NOISE = 24.0  # mean square of the triple product of four points that are noise of variance 1
N_BUMPS, LARGEST = 9, 8.0  # bumps of an even function of L, and the L of the last and of all
HELD, HELD_POWER = 3.5, 8  # where, and how sharply, a deviation is held


class RigidFragments(nn.Module):
    """Log-odds l of the hands of tetrahedral atoms, were they and their neighbours rigid."""

    def __init__(self, graph: MolecularGraph) -> None:
        super().__init__()
        self.register_buffer("fragments", graph.tetrahedra(), persistent=False)
        self.register_buffer("shape", torch.ones(len(self.fragments), 5, 3))
        self.register_buffer("looseness", torch.ones(len(self.fragments)))

    @torch.no_grad()
    def calibrate(self, x: Tensor) -> None:
        """Take shapes and their variances from x (n, n_atoms, 3)."""
        for hand, fragment in enumerate(self.fragments):
            rigid = remove_mean(x[:, fragment])
            turned = aligned(rigid, rigid[0])
            self.shape[hand] = turned.mean(0)
            self.looseness[hand] = (turned - self.shape[hand]).square().mean()

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """Return l; x (N, n_atoms, 3), h (N,) -> (N, n_fragments)."""
        fragments = remove_mean(x[:, self.fragments])
        overlap = torch.einsum("nfai,faj->nfij", fragments, self.shape)
        overlap = overlap / (h[:, None] + self.looseness)[..., None, None]
        square = overlap.mT @ overlap
        trace = square.diagonal(dim1=2, dim2=3).sum(-1)
        minors = 0.5 * (trace.square() - square.square().sum((2, 3)))
        first, second, third = overlap.unbind(2)
        determinant = (first * torch.linalg.cross(second, third)).sum(-1)
        return 2 * determinant / ((minors.clamp(min=0) + CORE).sqrt() + 6)


class Surroundings(nn.Module):
    """F(v, z, h) - F(-v, z, h) of one stereocentre and the atoms within reach of it."""

    def __init__(self, graph: MolecularGraph, centre: int, *, place: Tensor, width: int) -> None:
        super().__init__()
        others = [atom for atom in graph.within(centre, REACH) if atom not in graph.twins()]
        atoms = torch.tensor([centre, *others])
        n = len(others)
        first, second = torch.triu_indices(n, n, offset=1)
        triples = torch.tensor(list(combinations(range(n), 3)), dtype=torch.long).reshape(-1, 3)
        row = torch.zeros(n, n, dtype=torch.long)
        row[first, second] = torch.arange(len(first))
        # Where, among all products of pairs and atoms, each triple stands once.
        pick = row[triples[:, 0], triples[:, 1]] * n + triples[:, 2]
        ends = torch.triu_indices(n + 1, n + 1, offset=1)
        buffers = {"first": first, "second": second, "pick": pick, "others": atoms[1:], "triples": triples}
        buffers["pairs"] = place[atoms[ends[0]], atoms[ends[1]]]
        for name, values in buffers.items():
            self.register_buffer(name, values, persistent=False)
        self.centre = centre
        self.register_buffer("square_volume", torch.ones(3, len(triples)))
        self.odd = FlatLinear(len(triples), WIDTH, bias=False)
        self.even = FlatLinear(len(self.pairs) + width, WIDTH)
        self.hidden = FlatLinear(WIDTH, WIDTH)
        self.out = FlatLinear(WIDTH, 1, bias=False)
        nn.init.zeros_(self.out.weight)

    @torch.no_grad()
    def calibrate(self, x: Tensor) -> None:
        """Take the mean squares of triple products, in powers of h, from x (n, n_atoms, 3)."""
        r = x[:, self.others] - x[:, self.centre, None]
        edges = [r[:, corner] for corner in self.triples.unbind(1)]
        areas = [torch.linalg.cross(edges[i - 2], edges[i - 1]) for i in range(3)]
        squares = [vector.square().sum(-1) for vector in (*areas, sum(areas))]
        # |a + b + c|^2 holds each scalar product twice.
        second = 8 * sum(edge.square().sum(-1) for edge in edges) - 2 * sum(edges).square().sum(-1)
        powers = (self.volumes(x).square(), sum(squares), second)
        self.square_volume.copy_(torch.stack([each.mean(0) for each in powers]))

    def volumes(self, x: Tensor) -> Tensor:
        """Return the triple products (N, n_triples)."""
        r = x[:, self.others] - x[:, self.centre, None]
        areas = torch.linalg.cross(r[:, self.first], r[:, self.second])
        return (areas @ r.mT).flatten(1)[:, self.pick]

    def forward(self, x: Tensor, h: Tensor, read: tuple[Tensor, Tensor]) -> Tensor:
        """Return the evidence (N,); read: z of all pairs (N, n_pairs), held, and the condition."""
        z, condition = read
        powers = torch.stack((torch.ones_like(h), h, h.square()), dim=1)
        square = powers @ self.square_volume + VOLUME_OF_NOISE * (h**3)[:, None]
        odd = self.odd(held(self.volumes(x) / square.sqrt()))
        even = self.even(torch.cat((z[:, self.pairs], condition), dim=1))
        both = silu(self.hidden(silu(torch.stack((even + odd, even - odd), dim=1))))
        return self.out(both[:, 0] - both[:, 1])[:, 0]


class Hands(nn.Module):
    """Log-odds of the hands that the data show: L at stereocentres, l at other tetrahedral atoms."""

    def __init__(self, graph: MolecularGraph, *, place: Tensor, width: int) -> None:
        super().__init__()
        self.rigid = RigidFragments(graph)
        centres = self.rigid.fragments[:, 4].tolist()
        self.places = [centres.index(centre) for centre in graph.stereocentres()]
        self.surroundings = nn.ModuleList(
            Surroundings(graph, centre, place=place, width=width) for centre in graph.stereocentres()
        )

    def calibrate(self, x: Tensor) -> None:
        """Take shapes and mean squares from x (n, n_atoms, 3)."""
        for part in (self.rigid, *self.surroundings):
            part.calibrate(x)

    def forward(self, x: Tensor, h: Tensor, read: tuple[Tensor, Tensor]) -> Tensor:
        """Return log-odds (N, n_fragments); read: z of all pairs (N, n_pairs), held, and the condition."""
        log_odds = list(self.rigid(x, h).unbind(1))
        for place, surroundings in zip(self.places, self.surroundings, strict=True):
            log_odds[place] = log_odds[place] + surroundings(x, h, read)
        return torch.stack(log_odds, dim=1) if log_odds else x.new_zeros(len(x), 0)


class HandWells(nn.Module):
    """Functions of log-odds that are even, zero at the start: bumps at +-L and ln(2 cosh(L / 2)).

    Where a hand is sure, the density of both hands together has a well for either along L, sharper than
    potentials of distances can be. L is bounded by LARGEST: that of a strained fragment has no bound, and
    energies that fall with it would be wells without a bottom.
    """

    def __init__(self, n_hands: int, *, n_gates: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.linspace(0, LARGEST, N_BUMPS), persistent=False)
        self.strength = nn.Parameter(torch.zeros(n_gates, n_hands, N_BUMPS + 1))

    def forward(self, log_odds: Tensor, gates: Tensor) -> Tensor:
        """log_odds (N, n_hands), gates (N, n_gates) -> (N,)."""
        log_odds = LARGEST * torch.tanh(log_odds / LARGEST)
        up, down = ((sign * log_odds)[..., None] - self.centres for sign in (1, -1))
        bumps = torch.exp(-0.5 * up.square()) + torch.exp(-0.5 * down.square())
        cosh = softplus(-log_odds) + 0.5 * log_odds
        read = torch.cat((bumps, cosh[..., None]), dim=2)
        return (gates * (read.flatten(1) @ self.strength.flatten(1).T)).sum(1)


class PlanarBonds(nn.Module):
    """Log-odds of cis or trans, as the data show them, at bonds between planar atoms."""

    def __init__(self, graph: MolecularGraph) -> None:
        super().__init__()
        self.register_buffer("planes", graph.planar_bonds(), persistent=False)
        self.register_buffer("mean_product", torch.ones(len(self.planes)))
        self.register_buffer("variance_product", torch.ones(2, len(self.planes)))

    @torch.no_grad()
    def calibrate(self, x: Tensor) -> None:
        """Take mean and variance of q from x (n, n_atoms, 3)."""
        e, f = self._edges(x)
        product = (e * f).sum(-1)
        self.mean_product.copy_(product.mean(0))
        first_order = 2 * (e.square().sum(-1) + f.square().sum(-1)).mean(0)
        variance = (product - self.mean_product).square().mean(0)
        self.variance_product.copy_(torch.stack((variance, first_order)))

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """Return log-odds; x (N, n_atoms, 3), h (N,) -> (N, n_planes)."""
        e, f = self._edges(x)
        variance = self.variance_product[0] + h[:, None] * self.variance_product[1]
        variance = variance + PRODUCT_OF_NOISE * h.square()[:, None]
        return 2 * (e * f).sum(-1) * self.mean_product / variance

    def _edges(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first, second, third, fourth = (x[:, corner] for corner in self.planes.unbind(1))
        return first - second, third - fourth


def held(values: Tensor) -> Tensor:
    """Return values smoothly held between -HELD and HELD."""
    return values / (1 + (values / HELD) ** HELD_POWER) ** (1 / HELD_POWER)
