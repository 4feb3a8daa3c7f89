"""The diffusion model of one rung or of a whole ladder: a score, an energy, or both.

`score` is the score head where there is one and -grad U otherwise; `energy_and_score` is always U with its
own -grad U.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from pita.compiled import Compiled
from pita.networks.egnn import Egnn
from pita.networks.pairwise import PairwiseScalar, PairwiseVector
from pita.networks.precondition import EnergyHead, ScalarEnergyHead, ScoreHead
from pita.networks.transformer import Transformer

Condition = float | Tensor


@dataclass(frozen=True)
class NetworkSettings:
    """Architecture of a model; `attention_heads` is read by the transformer only.

    `heads`: which outputs the model has. With both, score and energy have networks of their own, as in the
    paper. `conditioned`: whether the inverse temperature is an input, so that one model serves several
    temperatures.
    """

    kind: Literal["egnn", "transformer", "pairwise"]
    n_atoms: int
    width: int
    depth: int
    attention_heads: int = 4
    heads: Literal["score", "energy", "score+energy"] = "score"
    conditioned: bool = False

    def __post_init__(self):
        if self.kind not in ("egnn", "transformer", "pairwise"):
            raise ValueError(f"kind must be egnn, transformer or pairwise, got {self.kind!r}")
        if self.heads not in ("score", "energy", "score+energy"):
            raise ValueError(f"heads must be score, energy or score+energy, got {self.heads!r}")
        if self.n_atoms < 2 or min(self.width, self.depth, self.attention_heads) < 1:
            raise ValueError(f"n_atoms must be at least 2 and widths, depths and heads positive, got {self}")


class DiffusionModel(nn.Module):
    """Score and energy of p_h, the Boltzmann density under mean-free noise of variance h.

    x (N, n_atoms, 3): mean-free. h, beta: a number, a 0-d tensor or one value per configuration (N,). An
    unconditioned model stands for one temperature and does not read beta.
    """

    def __init__(self, *, score: ScoreHead | None, energy: nn.Module | None, conditioned: bool):
        super().__init__()
        if score is None and energy is None:
            raise ValueError("a model needs a score head, an energy head or both, got neither")
        self.score_head, self.energy_head, self.conditioned = score, energy, conditioned

    def denoise(self, x: Tensor, h: Condition, beta: Condition | None = None) -> Tensor:
        """Mean of the clean configuration given x; (N, n_atoms, 3)."""
        if self.score_head is None:
            return x + _spread(h, x)[:, None, None] * self.energy_score(x, h, beta)
        return self.score_head.denoise(x, _spread(h, x), self._log_beta(beta, x))

    def score(self, x: Tensor, h: Condition, beta: Condition | None = None) -> Tensor:
        """Score of p_h; (N, n_atoms, 3), mean-free."""
        if self.score_head is None:
            return self.energy_score(x, h, beta)
        return self.score_head.score(x, _spread(h, x), self._log_beta(beta, x))

    def energy(self, x: Tensor, h: Condition, beta: Condition | None = None) -> Tensor:
        """U = -log p_h up to a function of h and beta; (N,), dimensionless."""
        if self.energy_head is None:
            raise ValueError("this model has no energy head")
        return self.energy_head(x, _spread(h, x), self._log_beta(beta, x))

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


def build_model(settings: NetworkSettings, *, atom_features: Tensor | None = None) -> DiffusionModel:
    """Build the model that the settings describe, weights drawn from torch's default generator."""
    has_score, has_energy = "score" in settings.heads, "energy" in settings.heads
    scalar = settings.kind == "pairwise"
    energy = None
    score = ScoreHead(_network(settings, atom_features)) if has_score else None
    if has_energy:
        energy = (
            ScalarEnergyHead(_network(settings, atom_features, scalar=True))
            if scalar
            else EnergyHead(_network(settings, atom_features))
        )
    return DiffusionModel(score=score, energy=energy, conditioned=settings.conditioned)


def _network(settings: NetworkSettings, atom_features: Tensor | None, *, scalar: bool = False) -> nn.Module:
    shape = {"width": settings.width, "depth": settings.depth, "conditioned": settings.conditioned}
    if settings.kind == "transformer":
        return Transformer(**shape, heads=settings.attention_heads, atom_features=atom_features)
    if atom_features is not None:
        raise ValueError(f"atom_features are read by the transformer only, got kind={settings.kind!r}")
    if settings.kind == "egnn":
        return Egnn(**shape, n_atoms=settings.n_atoms)
    return (PairwiseScalar if scalar else PairwiseVector)(**shape, n_atoms=settings.n_atoms)


def _spread(values: Condition, x: Tensor) -> Tensor:
    """One value per configuration, in the precision of x."""
    return torch.as_tensor(values, dtype=x.dtype, device=x.device).expand(len(x))
