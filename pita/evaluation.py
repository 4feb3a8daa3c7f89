"""What a step of the annealer asks of a diffusion model, evaluated a chunk of particles at a time.

With h the variance of the added noise (squared unit of x), p_h the noised density: score s_h ~ grad log p_h,
energy U_h ~ -log p_h + const(h), dimensionless. Divergence: exact trace, or Hutchinson, Commun. Stat. Simul.
Comput. 18, 1059 (1989).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor

Beside = tuple[Tensor, ...]


class DiffusionModel(Protocol):
    """Score and energy at noise level h, one level for all particles; x (N, *event), h a 0-d tensor.

    Feynman-Kac weights give `energy` the level of each particle, h (N,), to differentiate it by them.
    Called under no_grad: a model that differentiates does so by torch.func or by enabling gradients itself,
    and for Feynman-Kac weights must not switch them off. A model of one kind only lacks the other's methods.
    """

    def score(self, x: Tensor, h: Tensor) -> Tensor:
        """Return s_h(x) (N, *event) of the score network."""

    def energy(self, x: Tensor, h: Tensor) -> Tensor:
        """Return U_h(x) (N,) of the energy network."""

    def energy_and_score(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Return U_h(x) (N,) and -grad U_h(x) (N, *event), both of the energy network."""


@dataclass(frozen=True)
class Tempered:
    """A model taken for one of `factor` times its inverse temperature: the densities exp(-factor U_h)."""

    model: DiffusionModel
    factor: float

    def score(self, x: Tensor, h: Tensor) -> Tensor:
        """Return factor s_h(x), (N, *event)."""
        return self.factor * self.model.score(x, h)

    def energy(self, x: Tensor, h: Tensor) -> Tensor:
        """Return factor U_h(x), (N,)."""
        return self.factor * self.model.energy(x, h)

    def energy_and_score(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Return factor U_h(x), (N,), and minus its gradient, (N, *event)."""
        energy, score = self.model.energy_and_score(x, h)
        return self.factor * energy, self.factor * score


class Evaluation(NamedTuple):
    """A model at particles x (N, *event) and level h; what was not asked for is None.

    `transport` (N, *event) is the score that moves probability (v is a multiple of it), `langevin` (N,
    *event) is -grad U of the Langevin term, `energy` (N,) is U. For Feynman-Kac weights also `energy_score` =
    -grad U of the energy network (N, *event), `divergence` (N,) of `transport` and `energy_rate` dU/dh (N,).
    """

    transport: Tensor
    langevin: Tensor
    energy: Tensor | None = None
    energy_score: Tensor | None = None
    divergence: Tensor | None = None
    energy_rate: Tensor | None = None

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """Apply the function to every field that is there."""
        return type(self)(*(None if value is None else function(value) for value in self))


def in_chunks(evaluate: Callable[..., Evaluation], *per_particle: Tensor, chunk: int) -> Evaluation:
    """Evaluate arrays (N, ...) `chunk` particles at a time and put the results together: bounded memory."""
    pieces = zip(*(array.split(chunk) for array in per_particle), strict=True)
    parts = [evaluate(*piece) for piece in pieces]
    if len(parts) == 1:
        return parts[0]
    return Evaluation(*(None if field[0] is None else torch.cat(field) for field in zip(*parts, strict=True)))


def divergence(
    field: Callable[[Tensor], tuple[Tensor, Beside]], x: Tensor, directions: Tensor
) -> tuple[Tensor, Tensor, Beside]:
    """Return a vector field, the sum of its quadratic forms over directions, and what the field returns
    beside it, from one forward pass.

    x: (N, *event); directions: (n_directions, N or 1, *event) -> field (N, *event) and sum_i e_i^T J e_i
    (N,). An orthonormal basis gives the trace of the Jacobian J, exactly; directions with E[z z^T] = 1 give
    it on average.
    """
    value, pull_back, beside = torch.func.vjp(field, x, has_aux=True)
    forms = [(pull_back(each.expand_as(value))[0] * each).flatten(1).sum(1) for each in directions]
    return value, torch.stack(forms).sum(0), beside


def with_gradient(score: Callable[[Tensor], Tensor]) -> Callable[[Tensor], tuple[Tensor, Beside]]:
    """Return a score as a field for `divergence` that raises ValueError where it hides its gradient."""

    def field(y: Tensor) -> tuple[Tensor, Beside]:
        value = score(y)
        if not value.requires_grad:
            raise ValueError(
                "the field has no gradient; a score computed under no_grad has a false divergence 0"
            )
        return value, ()

    return field


def energy_derivatives(model: DiffusionModel, x: Tensor, h: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Return -grad U (N, *event), and beside it U (N,) and dU/dh (N,), 1 / unit of x squared.

    One pass forward and one back: each particle gets a level of its own, all of them h.
    """

    def total(y: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
        energy = model.energy(y, levels)
        return energy.sum(), energy

    (gradient, rate), energy = torch.func.grad(total, argnums=(0, 1), has_aux=True)(x, h.expand(len(x)))
    return -gradient, (energy, rate)


def energy_transport_derivatives(
    model: DiffusionModel, x: Tensor, h: Tensor, directions: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return U, dU/dh (N,), -grad U (N, *event) and the divergence of -grad U (N,)."""
    score, trace, (energy, rate) = divergence(lambda y: energy_derivatives(model, y, h), x, directions)
    return energy, rate, score, trace
