"""Four ways to weight the particles of an annealed path, interchangeable.

Each says what it asks of the model at a level, what it takes for log p at the first level, and by how much a
step from x (level k) to x' (level k + 1) changes log w and the estimate of log p. `log_p` estimates log
p_h(x) of the source temperature along the path; a landing on the true target replaces gamma log_p by it.
"""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from pita.annealing import AnnealedPath
from pita.compiled import Compiled
from pita.evaluation import (
    DiffusionModel,
    Evaluation,
    divergence,
    energy_derivatives,
    energy_transport_derivatives,
    in_chunks,
    with_gradient,
)


class Step(NamedTuple):
    """Step k of N particles from `x` to `x_next` (N, *event), the model at both ends, dh = h_k - h_{k+1}."""

    k: int
    x: Tensor
    x_next: Tensor
    here: Evaluation
    there: Evaluation
    dh: float


class Increment(NamedTuple):
    """Change of the log-weights and of the log-density estimate in one step, (N,) float64 each."""

    log_w: Tensor
    log_p: Tensor


class WeightingScheme(Protocol):
    """What a sequential Monte Carlo sampler needs to know about weights."""

    def evaluate(self, model: DiffusionModel, x: Tensor, h: Tensor) -> Evaluation:
        """Return all that this weighting and the drift need of the model at x (N, *event)."""

    def initial_log_p(self, x: Tensor, here: Evaluation) -> Tensor | None:
        """Return log p at h_max, (N,) float64, or None where particles begin with equal weights."""

    def increment(self, step: Step) -> Increment:
        """Return the change of log w and of log p in a step."""


class Unweighted:
    """No weights: particles follow the drift, and nothing says how far they are from the path."""

    needs_energy = False

    def __init__(self, path: AnnealedPath) -> None:
        self.path = path

    def evaluate(self, model: DiffusionModel, x: Tensor, h: Tensor) -> Evaluation:
        """Return the drift's scores, and U if the weighting needs it."""
        return in_chunks(lambda part: self._evaluate(model, part, h), x, chunk=self.path.chunk)

    def _evaluate(self, model: DiffusionModel, x: Tensor, h: Tensor) -> Evaluation:
        sources = (self.path.settings.transport, self.path.settings.langevin)
        energy, scores = None, {}
        if "energy" in sources:
            energy, scores["energy"] = model.energy_and_score(x, h)
        elif self.needs_energy:
            energy = model.energy(x, h)
        if "score" in sources:
            scores["score"] = model.score(x, h)
        return Evaluation(scores[sources[0]], scores[sources[1]], energy if self.needs_energy else None)

    def initial_log_p(self, x: Tensor, here: Evaluation) -> Tensor | None:  # noqa: ARG002  protocol
        """Return None: no density is followed."""
        return None

    def increment(self, step: Step) -> Increment:
        """Return zeros."""
        zero = step.x.new_zeros(len(step.x), dtype=torch.float64)
        return Increment(zero, zero)


class EnergyKernelRatio(Unweighted):
    """Kernel ratio with the energy network, exact for the sequence exp(-gamma U_k) at any step size.

    log w += gamma (U_k(x) - U_{k+1}(x')) + log B(x | x') - log F(x' | x).
    """

    needs_energy = True

    def initial_log_p(self, x: Tensor, here: Evaluation) -> Tensor:  # noqa: ARG002  protocol
        """Return -U at h_max."""
        return -here.energy.double()

    def increment(self, step: Step) -> Increment:
        """Return gamma times the change of log p, plus the log ratio of the kernels."""
        log_p = self.log_p_increment(step)
        return Increment(self.path.gamma * log_p + self.log_kernel_ratio(step), log_p)

    def log_p_increment(self, step: Step) -> Tensor:
        """Return log p_{k+1}(x') - log p_k(x) = U_k(x) - U_{k+1}(x'), (N,) float64."""
        return step.here.energy.double() - step.there.energy.double()

    def log_kernel_ratio(self, step: Step) -> Tensor:
        """Return log B(x | x') - log F(x' | x), (N,) float64."""
        path, (forward, backward) = self.path, self.path.kernel_variances[step.k]
        move = step.x_next - step.x
        ahead = path.space.log_normal(move - step.dh * path.forward_drift(step.here), forward)
        return path.space.log_normal(move + step.dh * path.backward_drift(step.there), backward) - ahead


class ScoreKernelRatio(EnergyKernelRatio):
    """Kernel ratio without an energy: the diffusion's own kernels estimate the change of log p.

    log p_{k+1}(x') - log p_k(x) ~ log K(x' | x) - log L(x | x'), with the reverse kernel K = N(x + dh s_k(x),
    var_K) and the noising kernel L = N(x', dh); var_K = dh, or dh (1 - delta) when matched. First order in
    dh; with the landing on a target, gamma times the sum of these terms leaves the weight, which is then
    exact for any score.
    """

    needs_energy = False

    def initial_log_p(self, x: Tensor, here: Evaluation) -> Tensor:  # noqa: ARG002  protocol
        """Return log N(x; 0, h_max + c)."""
        return self.path.space.log_normal(x, self.path.gamma * self.path.prior_variance)

    def log_p_increment(self, step: Step) -> Tensor:
        """Return log K(x' | x) - log L(x | x'), (N,) float64."""
        path, dh = self.path, step.dh
        move = step.x_next - step.x
        reverse = dh * (1 - path.contraction(step.k)) if path.settings.matched_variances else dh
        residual = move - dh * path.space.project(step.here.transport)
        return path.space.log_normal(residual, reverse) - path.space.log_normal(move, dh)


class FeynmanKac(EnergyKernelRatio):
    """Feynman-Kac weights (arXiv 2506.16471), first order in dh, from the divergence of the transport field
    v.

    d log w / dtau = gamma dU/dh + div v - gamma <v, grad U>; `generator` draws Hutchinson's probes, if any.
    `compiled`: the derivatives of a single energy network along probes go through torch.compile.
    """

    def __init__(self, path: AnnealedPath, *, generator: torch.Generator, compiled: bool = False) -> None:
        super().__init__(path)
        self.generator = generator
        by_probes = compiled and path.settings.n_probes > 0
        self.differentiate = (
            Compiled(energy_transport_derivatives) if by_probes else energy_transport_derivatives
        )
        self.basis = None if path.settings.n_probes else path.space.basis()

    def evaluate(self, model: DiffusionModel, x: Tensor, h: Tensor) -> Evaluation:
        """Return the drift's scores, U, dU/dh, -grad U of the energy network, and the divergence of the
        score.
        """
        space, settings = self.path.space, self.path.settings
        if self.basis is not None:
            basis = self.basis.unsqueeze(1)
            return in_chunks(lambda part: self._rates(model, part, h, basis), x, chunk=self.path.chunk)
        n_population = len(x) * space.communicator.size
        probes = space.rademacher(n_population, settings.n_probes, generator=self.generator)

        def evaluate(part: Tensor, signs: Tensor) -> Evaluation:
            return self._rates(model, part, h, signs.movedim(1, 0) / settings.n_probes**0.5)

        return in_chunks(evaluate, x, probes, chunk=self.path.chunk)

    def _rates(self, model: DiffusionModel, x: Tensor, h: Tensor, directions: Tensor) -> Evaluation:
        settings = self.path.settings
        # Fused attention lacks a second derivative; the plain formula has it.
        with sdpa_kernel(SDPBackend.MATH):
            if settings.transport == "energy":
                energy, rate, energy_score, trace = self.differentiate(model, x, h, directions)
                transport = energy_score
            else:
                energy_score, (energy, rate) = energy_derivatives(model, x, h)
                transport, trace, _ = divergence(with_gradient(lambda y: model.score(y, h)), x, directions)
            langevin = energy_score
            if settings.langevin == "score":
                langevin = transport if settings.transport == "score" else model.score(x, h)
        return Evaluation(transport, langevin, energy, energy_score, trace, rate)

    def increment(self, step: Step) -> Increment:
        """Return dh times the rate at the start of the step."""
        gamma, here = self.path.gamma, step.here
        work = (here.transport * here.energy_score).flatten(1).sum(1)
        flow = self.path.transport_factor * (here.divergence + gamma * work)
        log_w = step.dh * (gamma * here.energy_rate + flow).double()
        return Increment(log_w, self.log_p_increment(step))


def build_weighting(
    path: AnnealedPath, *, generator: torch.Generator, compiled: bool = False
) -> WeightingScheme:
    """Return the weighting that the path's settings name; `compiled` is for the derivatives that it takes."""
    if path.settings.weighting == "feynman_kac":
        return FeynmanKac(path, generator=generator, compiled=compiled)
    schemes = {
        "energy_kernel_ratio": EnergyKernelRatio,
        "score_kernel_ratio": ScoreKernelRatio,
        "unweighted": Unweighted,
    }
    return schemes[path.settings.weighting](path)
