"""Compare the weightings on a Gaussian mixture whose answer is exact: `python -m experiments.mixture`."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tqdm import tqdm

from experiments.config import load_config
from experiments.errors import reported
from experiments.files import save_json
from experiments.mixture_case import Case, Density, Noise, Weighting
from experiments.paths import DATA, params
from experiments.seeds import torch_generator


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

    def __post_init__(self) -> None:
        if self.n_repeats < 2:
            raise ValueError(f"n_repeats must be at least 2 for an error, got {self.n_repeats}")


def compare(config: MixtureConfig) -> dict:
    """Estimates of every weighting at every number of steps beside the exact answer."""
    case = Case(
        gamma=config.gamma, n_particles=config.n_particles, density=config.density, noise=config.noise
    )
    runs = []
    for name, n_steps in tqdm([(name, n) for name in config.weightings for n in config.steps], unit="case"):
        weighting = config.weightings[name]
        repeats = [
            case.estimate(
                weighting,
                n_steps=n_steps,
                generator=torch_generator(config.seed, f"{name} {n_steps} {repeat}"),
            )
            for repeat in range(config.n_repeats)
        ]
        run = {
            "weighting": name,
            "n_steps": n_steps,
            "network_passes": weighting.network_passes(config.density.n_dim) * (n_steps + 1),
            "estimates": {key: [repeat[key] for repeat in repeats] for key in repeats[0]},
        }
        runs.append(run)
    return {
        "gamma": config.gamma,
        "n_particles": config.n_particles,
        "exact": case.exact(),
        "independent_errors": case.independent_errors(),
        "runs": runs,
    }


def main(argv: Sequence[str] | None = None) -> None:
    argparse.ArgumentParser(description=__doc__).parse_args(argv)
    with reported():
        config = load_config(params("mixture"), MixtureConfig)
        torch.set_num_threads(1)
        save_json(DATA / "mixture.json", compare(config))


if __name__ == "__main__":
    main()
