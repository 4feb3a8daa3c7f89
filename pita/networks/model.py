"""The diffusion model of one rung or of a whole ladder: a score, an energy, or both.

`score` is the score head where there is one and -grad U otherwise; `energy_and_score` is always U with its
own -grad U.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args, get_type_hints

import torch
from torch import Tensor, nn

from pita.compiled import Compiled
from pita.networks.egnn import Egnn
from pita.networks.graph import MolecularGraph
from pita.networks.molecular import MolecularScalar
from pita.networks.pairwise import PairwiseScalar, PairwiseVector
from pita.networks.precondition import EnergyHead, ScalarEnergyHead, ScoreHead
from pita.networks.transformer import Transformer

Condition = float | Tensor


@dataclass(frozen=True)
class NetworkSettings:
    """Architecture of a model; `attention_heads` is read by the transformer only.

    `heads`: which outputs the model has. With both, score and energy have networks of their own, as in the
    paper. `conditioned`: whether the inverse temperature is an input, so that one model serves several
    temperatures. `length`: the length, in the unit of x, by which configurations have about unit variance.
    `graph`: the molecule, for networks that tell its atoms apart (transformer, molecular).
    """

    kind: Literal["egnn", "transformer", "pairwise", "molecular"]
    n_atoms: int
    width: int
    depth: int
    attention_heads: int = 4
    heads: Literal["score", "energy", "score+energy"] = "score"
    conditioned: bool = False
    length: float = 1.0
    graph: MolecularGraph | None = None

    def __post_init__(self):
        kinds = get_args(get_type_hints(NetworkSettings)["kind"])
        if self.kind not in kinds:
            raise ValueError(f"kind must be one of {', '.join(kinds)}, got {self.kind!r}")
        if self.heads not in ("score", "energy", "score+energy"):
            raise ValueError(f"heads must be score, energy or score+energy, got {self.heads!r}")
        if self.n_atoms < 2 or min(self.width, self.depth, self.attention_heads) < 1:
            raise ValueError(f"n_atoms must be at least 2 and widths, depths and heads positive, got {self}")
        if not 0 < self.length < math.inf:
            raise ValueError(f"length must be positive and finite, got {self.length}")
        if self.kind == "molecular" and (self.graph is None or self.heads != "energy"):
            raise ValueError(f"kind molecular needs a graph and heads = 'energy', got {self}")
        if self.graph is not None and len(self.graph.elements) != self.n_atoms:
            raise ValueError(f"graph has {len(self.graph.elements)} atoms, n_atoms is {self.n_atoms}")


class DiffusionModel(nn.Module):
    """Score and energy of p_h, the Boltzmann density under mean-free noise of variance h.

    x (N, n_atoms, 3): mean-free. h, beta: a number, a 0-d tensor or one value per configuration (N,). An
    unconditioned model stands for one temperature and does not read beta. The heads see x / length and
    h / length^2.
    """

    def __init__(
        self, *, score: ScoreHead | None, energy: nn.Module | None, conditioned: bool, length: float = 1.0
    ):
        super().__init__()
        if score is None and energy is None:
            raise ValueError("a model needs a score head, an energy head or both, got neither")
        self.score_head, self.energy_head, self.conditioned = score, energy, conditioned
        self.length = length

    def calibrate(self, x: Tensor) -> None:
        """Let networks that refer to statistics of the data take them from x (n, n_atoms, 3)."""
        for module in self.modules():
            if isinstance(module, MolecularScalar):
                module.calibrate(x / self.length)

    @property
    def has_hands(self) -> bool:
        """Whether the energy knows the hands of a molecule."""
        return isinstance(getattr(self.energy_head, "network", None), MolecularScalar)

    def denoise(self, x: Tensor, h: Condition, beta: Condition | None = None) -> Tensor:
        """Mean of the clean configuration given x; (N, n_atoms, 3)."""
        if self.score_head is None:
            return x + _spread(h, x)[:, None, None] * self.energy_score(x, h, beta)
        return self.length * self.score_head.denoise(*self._scaled(x, h), self._log_beta(beta, x))

    def score(self, x: Tensor, h: Condition, beta: Condition | None = None) -> Tensor:
        """Score of p_h; (N, n_atoms, 3), mean-free."""
        if self.score_head is None:
            return self.energy_score(x, h, beta)
        return self.score_head.score(*self._scaled(x, h), self._log_beta(beta, x)) / self.length

    def energy(self, x: Tensor, h: Condition, beta: Condition | None = None) -> Tensor:
        """U = -log p_h up to a function of h and beta; (N,), dimensionless."""
        if self.energy_head is None:
            raise ValueError("this model has no energy head")
        return self.energy_head(*self._scaled(x, h), self._log_beta(beta, x))

    def log_odds(self, x: Tensor, h: Condition, beta: Condition | None = None) -> Tensor:
        """Log-odds of the hands that the data show against their mirror images, (N, n_hands)."""
        if not self.has_hands:
            raise ValueError("only molecular networks have hands")
        y, scaled = self._scaled(x, h)
        return self.energy_head.log_odds(y, scaled, self._log_beta(beta, x))

    def energy_score(self, x: Tensor, h: Condition, beta: Condition | None = None) -> Tensor:
        """-grad U, the score that the energy implies; (N, n_atoms, 3)."""
        return -torch.func.grad(lambda moved: self.energy(moved, h, beta).sum())(x)

    def energy_and_score(
        self, x: Tensor, h: Condition, beta: Condition | None = None
    ) -> tuple[Tensor, Tensor]:
        """U (N,) and -grad U (N, n_atoms, 3) in one pass."""

        def total(moved: Tensor) -> tuple[Tensor, Tensor]:
            energy = self.energy(moved, h, beta)
            return energy.sum(), energy

        gradient, energy = torch.func.grad(total, has_aux=True)(x)
        return energy, -gradient

    def at(self, beta: Condition | None = None, *, compiled: bool = False) -> "BoundModel":
        """The model at one inverse temperature, as samplers take it.

        `compiled`: through torch.compile, for weights without derivatives of the model's outputs.
        """
        if self.conditioned and beta is None:
            raise ValueError("a conditioned model needs beta, got None")
        return BoundModel(self, beta, compiled=compiled)

    def _scaled(self, x: Tensor, h: Condition) -> tuple[Tensor, Tensor]:
        return x / self.length, _spread(h, x) / self.length**2

    def _log_beta(self, beta: Condition | None, x: Tensor) -> Tensor | None:
        return _spread(beta, x).log() if self.conditioned and beta is not None else None


class BoundModel:
    """A diffusion model with its inverse temperature filled in."""

    def __init__(self, model: DiffusionModel, beta: Condition | None, *, compiled: bool):
        def maybe(function):
            return Compiled(function) if compiled else function

        self._score = maybe(lambda x, h: model.score(x, h, beta))
        self._energy = maybe(lambda x, h: model.energy(x, h, beta))
        self._energy_and_score = maybe(lambda x, h: model.energy_and_score(x, h, beta))

    def score(self, x: Tensor, h: Condition) -> Tensor:
        """Score of p_h; (N, n_atoms, 3)."""
        return self._score(x, h)

    def energy(self, x: Tensor, h: Condition) -> Tensor:
        """U = -log p_h up to a function of h; (N,)."""
        return self._energy(x, h)

    def energy_and_score(self, x: Tensor, h: Condition) -> tuple[Tensor, Tensor]:
        """U (N,) and -grad U (N, n_atoms, 3)."""
        return self._energy_and_score(x, h)


def build_model(settings: NetworkSettings) -> DiffusionModel:
    """Build the model that the settings describe, weights drawn from torch's default generator."""
    has_score, has_energy = "score" in settings.heads, "energy" in settings.heads
    score = ScoreHead(_network(settings)) if has_score else None
    energy = None
    if has_energy:
        energy = (
            ScalarEnergyHead(_scalar_network(settings))
            if settings.kind in ("pairwise", "molecular")
            else EnergyHead(_network(settings))
        )
    return DiffusionModel(
        score=score, energy=energy, conditioned=settings.conditioned, length=settings.length
    )


def _network(settings: NetworkSettings) -> nn.Module:
    shape = {"width": settings.width, "depth": settings.depth, "conditioned": settings.conditioned}
    if settings.kind == "transformer":
        features = None if settings.graph is None else settings.graph.atom_features()
        return Transformer(**shape, heads=settings.attention_heads, atom_features=features)
    network = Egnn if settings.kind == "egnn" else PairwiseVector
    return network(**shape, n_atoms=settings.n_atoms)


def _scalar_network(settings: NetworkSettings) -> nn.Module:
    shape = {"width": settings.width, "depth": settings.depth, "conditioned": settings.conditioned}
    if settings.kind == "molecular":
        return MolecularScalar(**shape, graph=settings.graph)
    return PairwiseScalar(**shape, n_atoms=settings.n_atoms)


def _spread(values: Condition, x: Tensor) -> Tensor:
    """One value per configuration, in the precision of x."""
    return torch.as_tensor(values, dtype=x.dtype, device=x.device).expand(len(x))
