"""Stage `chains`: time-ordered Langevin dynamics at the target temperature, from samples of the reference.

    python -m experiments.chains aldp

Chains begin in equilibrium, so that averages over pairs of frames at a fixed lag are those of a long
trajectory; nothing exchanges or jumps in them.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from experiments import paths
from experiments.config import load_section
from experiments.errors import reported
from experiments.files import DataFileError, load_npz, save_npz
from experiments.seeds import torch_generator
from experiments.settings import load_system
from pita.geometry import remove_mean
from pita.langevin import LangevinSettings, run_langevin


@dataclass(frozen=True, kw_only=True)
class ChainSettings:
    """`n_chains`, half of them from each run of the reference; `interval` steps between two frames."""

    seed: int
    n_chains: int
    n_frames: int
    interval: int
    step_size: float
    friction: float

    def __post_init__(self) -> None:
        if self.n_chains < 2 or self.n_chains % 2:
            raise ValueError(f"n_chains must be even and positive, got {self.n_chains}")

    @property
    def moves(self) -> LangevinSettings:
        """The dynamics of one chain."""
        return LangevinSettings(
            n_steps=self.n_frames * self.interval,
            thin=self.interval,
            step_size=self.step_size,
            friction=self.friction,
        )


def evenly_chosen(x: np.ndarray, n: int) -> np.ndarray:
    """Return `n` samples of x (n_samples, ...), evenly spaced from the middle of the first n-th part on."""
    if n > len(x):
        raise DataFileError(f"{n} chains are to begin at different samples, a reference run has {len(x)}")
    return x[((np.arange(n) + 0.5) * len(x) / n).astype(int)]


def run_stage(system: str) -> None:
    """Run the dynamics and write `x` (n_chains, n_frames, n_atoms, 3) float32, mean-free."""
    physics = load_system(system)
    settings = load_section(paths.params(system), "chains", ChainSettings)
    arrays = load_npz(paths.reference(system), {"x": "float32", "x_second": "float32"})
    half = settings.n_chains // 2
    start = np.concatenate([evenly_chosen(x[-1], half) for x in arrays.values()])
    with tqdm(total=settings.moves.n_steps, unit="step", desc=f"{system} chains") as bar:
        run = run_langevin(
            physics.target(),
            torch.from_numpy(start),
            beta=1 / physics.temperatures[-1],
            settings=settings.moves,
            generator=torch_generator(settings.seed, "chains"),
            progress=lambda done, _: bar.update(done - bar.n),
        )
    save_npz(paths.chains(system), {"x": remove_mean(run.x.transpose(0, 1)).numpy()})


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("system")
    with reported():
        run_stage(parser.parse_args(argv).system)


if __name__ == "__main__":
    main()
