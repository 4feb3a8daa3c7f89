"""Compare the weightings on a Gaussian mixture whose answer is exact: `python -m experiments.mixture`.

Two modes of unequal width are annealed from p to p^gamma with exact score and energy, so that every error is
one of the weighting and of the step.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from experiments.config import load_config
from experiments.errors import reported
from experiments.files import save_json
from experiments.paths import DATA, params
from pita.annealing import AnnealedPath, AnnealingSettings, NetworkName, WeightingName
from pita.log_weights import normalise
from pita.smc import anneal
from pita.space import ParticleSpace
from pita.targets.gaussian import GaussianMixture


@dataclass(frozen=True, kw_only=True)
class Density:
    """Modes on the first axis, at -1 and 1, with variances (squared unit of length) and weights."""

    n_dim: int
    variances: tuple[float, float]
    weights: tuple[float, float]

    def mixture(self, *, h: float = 0.0) -> GaussianMixture:
        """The mixture under noise of variance h."""
        means = torch.zeros(2, self.n_dim)
        means[:, 0] = torch.tensor([-1.0, 1.0])
        return GaussianMixture(means, torch.tensor(self.variances) + h, torch.tensor(self.weights))


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Range of the noise levels, unit of length."""

    sigma_min: float
    sigma_max: float


@dataclass(frozen=True, kw_only=True)
class Weighting:
    """What tells one weighting from another; names as in `AnnealingSettings`."""

    weighting: WeightingName
    langevin: NetworkName
    matched_variances: bool
    n_probes: int

    def network_passes(self, n_dim: int) -> int:
        """Passes through a network per particle and level; forward, transposed and tangent count one each.

        Score 1; energy with gradient 2; the divergence one per direction; dU/dh 2.
        """
        passes = 1 + (2 if self.langevin == "energy" else 0)
        if self.weighting == "feynman_kac":
            passes += (self.n_probes or n_dim) + 2
        return passes


@dataclass(frozen=True, kw_only=True)
class MixtureConfig:
    """The whole comparison: each of `weightings` at each of `steps`, `n_repeats` times."""

    seed: int
    n_repeats: int
    n_particles: int
    steps: tuple[int, ...]
    gamma: float
    density: Density
    noise: Noise
    weightings: dict[str, Weighting]


def exact_answer(config: MixtureConfig) -> dict[str, float]:
    """Mass of the first mode, variance across the axis of the modes, and log Z of p^gamma at sigma_min."""
    noised = config.density.mixture(h=config.noise.sigma_min**2)
    annealed = noised.annealed(config.gamma)
    return {
        "mode_mass": annealed.weights[0].item(),
        "variance": (annealed.weights * annealed.variances).sum().item(),
        "log_z": noised.annealed_log_z(config.gamma),
    }


def estimate(
    config: MixtureConfig, weighting: Weighting, *, n_steps: int, generator: torch.Generator
) -> dict[str, float]:
    """The same three quantities from one annealed population; log Z only where there are weights."""
    mixture = config.density.mixture()
    settings = AnnealingSettings(
        **vars(config.noise),
        **vars(weighting),
        n_levels=n_steps,
        resample_at_end=False,
        chunk=config.n_particles,
    )
    path = AnnealedPath(
        gamma=config.gamma,
        data_variance=(mixture.weights * mixture.variances).sum().item(),
        settings=settings,
        space=ParticleSpace(event_shape=(config.density.n_dim,), mean_free=False),
    )
    annealed = anneal(mixture, path, n_particles=config.n_particles, generator=generator)
    x, w = annealed.particles.x.double(), normalise(annealed.particles.log_w)
    estimates = {"mode_mass": w @ (x[:, 0] < 0).double(), "variance": w @ x[:, 1:].square().mean(1)}
    if weighting.weighting != "unweighted":
        estimates["log_z"] = annealed.log_z
    return {name: float(value) for name, value in estimates.items()}


def compare(config: MixtureConfig) -> dict:
    """Estimates of every weighting at every number of steps beside the exact answer."""
    cases = [(name, n_steps) for name in config.weightings for n_steps in config.steps]
    seeds = np.random.SeedSequence(config.seed).spawn(len(cases))
    runs = []
    for (name, n_steps), seed in zip(tqdm(cases, unit="case"), seeds, strict=True):
        weighting = config.weightings[name]
        generators = [
            torch.Generator().manual_seed(int(state))
            for state in seed.generate_state(config.n_repeats, np.uint32)
        ]
        repeats = [estimate(config, weighting, n_steps=n_steps, generator=g) for g in generators]
        runs.append(
            {
                "weighting": name,
                "n_steps": n_steps,
                "network_passes": weighting.network_passes(config.density.n_dim) * (n_steps + 1),
                "estimates": {key: [repeat[key] for repeat in repeats] for key in repeats[0]},
            }
        )
    return {
        "gamma": config.gamma,
        "n_particles": config.n_particles,
        "exact": exact_answer(config),
        "runs": runs,
    }


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, default=params("mixture"))
    parser.add_argument("--out", type=Path, default=DATA / "mixture.json")
    arguments = parser.parse_args(argv)
    with reported():
        config = load_config(arguments.params, MixtureConfig)
        torch.set_num_threads(1)
        save_json(arguments.out, compare(config))


if __name__ == "__main__":
    main()
