"""The annealed path of one temperature step: levels, drifts and Gaussian kernels.

The path q_h ~ exp(-gamma U_h), gamma = beta_next / beta, is followed from h_max down to h_min (arXiv
2506.16471) by
    dx = (v - (gamma xi / 2) grad U) dtau + sqrt(xi) dW,   dtau = -dh,
with v = s/2 (the paper) or v = gamma s/2 (its released code). A step of size dh has a forward and a backward
kernel (Del Moral, Doucet, Jasra 2006; arXiv 2506.05668):
    F = N(x + dh f_k(x), var_F),        f =  v - (gamma xi / 2) grad U,
    B = N(x' + dh b_{k+1}(x'), var_B),  b = -v - (gamma xi / 2) grad U.

Matched variances. For p_0 = N(0, c) and v = s/2, q_h = N(0, (h + c)/gamma), and with delta = dh / (h + c) the
joint density q_k F = q_{k+1} B holds exactly, at any step size, for
    var_F = dh (xi - (1 + gamma xi)^2 delta / (4 gamma)),   var_B = var_F / (1 - delta).
For gamma = xi = 1 these are the posterior variance dh (1 - delta) and the noise dh of the diffusion itself.
Data of several scales look like Gaussians of another c at every level: see `level_variances`.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Self, get_args

import torch
from torch import Tensor

from pita.distributed import SingleProcess
from pita.evaluation import DiffusionModel, Evaluation
from pita.resampling import RESAMPLERS
from pita.schedules import noise_levels
from pita.space import ParticleSpace

WeightingName = Literal["feynman_kac", "energy_kernel_ratio", "score_kernel_ratio", "unweighted"]
DriftName = Literal["half_score", "gamma_half_score"]
NetworkName = Literal["score", "energy"]

GPU_CHUNKS = 16  # what fits the cache of a core leaves a GPU idle


@dataclass(frozen=True, kw_only=True)
class AnnealingSettings:
    """How one annealing is run.

    `n_levels` steps between the noise levels `sigma_max` and `sigma_min` (unit of x), spaced by `rho`; noise
    strength `xi`; v = s/2 or gamma s/2 (`drift`) with s of the network `transport`, grad U of the network
    `langevin`. `n_probes` Hutchinson probes for Feynman-Kac weights, 0 for the exact divergence.
    Resampling where ESS < `ess_threshold` N, never at 0, and after the last level if `resample_at_end`.
    Particles are resampled as if no weight were above `offspring_cap` times the median, so that few descend
    from one; what is above it they carry to the end, and weights stay exact.
    Log-weight increments above the quantile `clip_quantile` are cut to it and counted; 1 cuts none.
    `denoise`: a last step x + h_min s(x), which is a map without weight. `chunk` particles are evaluated at a
    time on a CPU, GPU_CHUNKS times as many on a GPU.
    """

    n_levels: int
    sigma_min: float
    sigma_max: float
    weighting: WeightingName
    rho: float = 7.0
    xi: float = 1.0
    drift: DriftName = "half_score"
    transport: NetworkName = "score"
    langevin: NetworkName = "energy"
    matched_variances: bool = True
    n_probes: int = 0
    resampler: str = "systematic"
    ess_threshold: float = 0.5
    offspring_cap: float = math.inf
    resample_at_end: bool = True
    clip_quantile: float = 1.0
    denoise: bool = False
    chunk: int = 1024

    def __post_init__(self) -> None:
        for name in ("sigma_min", "xi", "rho"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive and finite, got {getattr(self, name)}")
        if not self.sigma_min < self.sigma_max < math.inf:
            raise ValueError(f"need sigma_min < sigma_max < inf, got {self.sigma_min} and {self.sigma_max}")
        for name, least in (("n_levels", 1), ("chunk", 1), ("n_probes", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        choices = {
            "weighting": WeightingName,
            "drift": DriftName,
            "transport": NetworkName,
            "langevin": NetworkName,
        }
        for name, literal in choices.items():
            if getattr(self, name) not in get_args(literal):
                raise ValueError(f"{name} must be one of {get_args(literal)}, got {getattr(self, name)!r}")
        if self.resampler not in RESAMPLERS:
            raise ValueError(f"resampler must be one of {sorted(RESAMPLERS)}, got {self.resampler!r}")
        if not 0 <= self.ess_threshold <= 1:
            raise ValueError(f"ess_threshold must be in [0, 1], got {self.ess_threshold}")
        if not self.offspring_cap > 1:
            raise ValueError(f"offspring_cap must be above 1, got {self.offspring_cap}")
        if not 0 < self.clip_quantile <= 1:
            raise ValueError(f"clip_quantile must be in (0, 1], got {self.clip_quantile}")
        if self.matched_variances and self.drift != "half_score":
            raise ValueError(f"matched_variances holds for drift='half_score' only, got {self.drift!r}")

    @cached_property
    def levels(self) -> list[float]:
        """Noise variances h[0] = h_max .. h[n_levels] = h_min."""
        bounds = {"h_min": self.sigma_min**2, "h_max": self.sigma_max**2}
        return noise_levels(self.n_levels, **bounds, rho=self.rho).tolist()

    def first_below(self, sigma: float) -> int:
        """Return the first level whose noise is at most sigma; ValueError unless it is neither end."""
        if not self.sigma_min < sigma < self.sigma_max:
            raise ValueError(f"sigma must be in ({self.sigma_min}, {self.sigma_max}), got {sigma}")
        return min(next(k for k, h in enumerate(self.levels) if h <= sigma**2), self.n_levels - 1)


@dataclass(frozen=True, kw_only=True)
class AnnealedPath:
    """The path exp(-gamma U_h) in a space, in steps k = 0 .. n_levels - 1 from level h[k] to h[k + 1].

    `data_variance` c: variance of the data per degree of freedom (squared unit of x) at the source
    temperature. `variances`: c of each step for the matched kernels, from `level_variances`; without them
    `data_variance`.
    """

    gamma: float
    data_variance: float
    settings: AnnealingSettings
    space: ParticleSpace
    variances: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.variances is not None and len(self.variances) != self.settings.n_levels:
            raise ValueError(
                f"variances must have n_levels={self.settings.n_levels} entries, got {self.variances}"
            )
        if not 0 < self.data_variance < math.inf:
            raise ValueError(f"data_variance must be positive and finite, got {self.data_variance}")
        if not 1 <= self.gamma < math.inf:
            raise ValueError(f"gamma = beta_next / beta must be at least 1 and finite, got {self.gamma}")
        self.kernel_variances  # noqa: B018  computed here so that a step that is too long raises at once

    @property
    def levels(self) -> list[float]:
        """Noise variances h[0] = h_max .. h[n_levels] = h_min."""
        return self.settings.levels

    @property
    def chunk(self) -> int:
        """Particles that the model is evaluated at together."""
        on_cpu = torch.device(self.space.device).type == "cpu"
        return self.settings.chunk * (1 if on_cpu else GPU_CHUNKS)

    def colder(self, factor: float) -> Self:
        """Return the path with the variances of harmonic data at `factor` times the inverse temperature."""
        variances = None if self.variances is None else tuple(c / factor for c in self.variances)
        return replace(self, data_variance=self.data_variance / factor, variances=variances)

    def level(self, k: int) -> Tensor:
        """Return h[k] as a 0-d tensor on the particles' device."""
        return torch.tensor(self.levels[k], dtype=self.space.dtype, device=self.space.device)

    def step_size(self, k: int) -> float:
        """Return dh = h[k] - h[k + 1] > 0."""
        return self.levels[k] - self.levels[k + 1]

    def contraction(self, k: int) -> float:
        """Return delta = dh / (h[k] + c), the relative loss of variance of Gaussian data in step k."""
        c = self.data_variance if self.variances is None else self.variances[k]
        return self.step_size(k) / (self.levels[k] + c)

    @cached_property
    def kernel_variances(self) -> list[tuple[float, float]]:
        """Variances (var_F, var_B) of the forward and backward kernels of each step."""
        return [self._kernel_variances(k) for k in range(self.settings.n_levels)]

    def _kernel_variances(self, k: int) -> tuple[float, float]:
        xi, dh = self.settings.xi, self.step_size(k)
        if not self.settings.matched_variances:
            return xi * dh, xi * dh
        delta = self.contraction(k)
        forward = dh * (xi - (1 + self.gamma * xi) ** 2 * delta / (4 * self.gamma))
        if forward <= 0:
            raise ValueError(
                f"n_levels={self.settings.n_levels} is too few for matched variances: step {k} has "
                f"dh / (h + data_variance) = {delta:.3f}, which leaves no noise at gamma={self.gamma}"
            )
        return forward, forward / (1 - delta)

    @property
    def prior_variance(self) -> float:
        """Variance (h_max + c) / gamma of the first particles: that of Gaussian data on the path at h_max."""
        return (self.levels[0] + self.data_variance) / self.gamma

    @property
    def transport_factor(self) -> float:
        """Return v / s: 1/2, or gamma/2 with the released code's drift."""
        return 0.5 if self.settings.drift == "half_score" else 0.5 * self.gamma

    def forward_drift(self, here: Evaluation) -> Tensor:
        """Return f = v - (gamma xi/2) grad U, inside the space; (N, *event)."""
        return self.space.project(
            self.transport_factor * here.transport + 0.5 * self.gamma * self.settings.xi * here.langevin
        )

    def backward_drift(self, there: Evaluation) -> Tensor:
        """Return b = -v - (gamma xi/2) grad U, inside the space; (N, *event)."""
        return self.space.project(
            0.5 * self.gamma * self.settings.xi * there.langevin - self.transport_factor * there.transport
        )


@torch.no_grad()
def level_variances(
    model: DiffusionModel, x: Tensor, path: AnnealedPath, *, generator: torch.Generator
) -> tuple[float, ...]:
    """Return for each step k the variance c_k of Gaussian data with the model's mean squared score there.

    x: (M, *event), data at the source temperature, equal on all ranks. c_k = n_dof / mean |s_h(x_h)|^2 - h.
    """
    space, by_score = replace(path.space, communicator=SingleProcess()), path.settings.transport == "score"
    variances = []
    for k in range(path.settings.n_levels):
        h = path.level(k)
        noisy = x + h.sqrt() * space.noise(len(x), generator=generator)
        score = model.score(noisy, h) if by_score else model.energy_and_score(noisy, h)[1]
        square = space.project(score).square().sum().item() / len(x)
        variances.append(space.n_dof / square - path.levels[k])
    return tuple(variances)
