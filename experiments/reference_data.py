"""The reference set of a system: the parameters of its two runs and the arrays that are stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.dynamics_check import DynamicsSettings
from experiments.tempering_run import Sampled
from pita.hot_start import Start
from pita.tempering import ParallelTempering


@dataclass(frozen=True, kw_only=True)
class ReferenceSettings:
    """Samples per temperature and run; temperatures between those of the ladder, which help to mix.

    `n_walkers` per temperature; `n_burn_in`, `thin` in moves; `step_size` in reduced time; the start as in
    `pita.hot_start`; `n_quenched` configurations per run, if any, are relaxed at the lowest temperature;
    `dynamics`: Langevin dynamics to compare with at the highest temperature, if any.
    """

    seed: int
    extra_temperatures: tuple[float, ...]
    n_samples: int
    n_walkers: int
    n_burn_in: int
    thin: int
    n_leapfrog: int
    step_size: float
    jitter: float
    spacing: float | None = None
    target_acceptance: float = 0.7
    n_quenched: int = 0
    dynamics: DynamicsSettings | None = None

    def __post_init__(self) -> None:
        if self.thin < 2 or self.n_burn_in < self.thin or self.n_burn_in % self.thin:
            raise ValueError(
                f"n_burn_in must be a multiple of thin > 1, got {self.n_burn_in} and {self.thin}"
            )
        if self.n_samples % self.n_walkers:
            raise ValueError(f"n_samples must be a multiple of n_walkers, got {self.n_samples}")

    @property
    def start(self) -> Start:
        """Where the walkers begin."""
        return Start(spacing=self.spacing, jitter=self.jitter)

    def tempering(self, ladder: tuple[float, ...]) -> ParallelTempering:
        """Build the settings of one run, which keeps the samples of the ladder."""
        return ParallelTempering(
            temperatures=tuple(sorted({*ladder, *self.extra_temperatures}, reverse=True)),
            n_walkers=self.n_walkers,
            n_moves=self.n_burn_in + self.thin * self.n_samples // self.n_walkers,
            n_burn_in=self.n_burn_in,
            thin=self.thin,
            n_leapfrog=self.n_leapfrog,
            step_size=self.step_size,
            target_acceptance=self.target_acceptance,
            kept_temperatures=ladder,
        )


def reference_arrays(ladder: Sequence[float], runs: Mapping[str, Sampled]) -> dict[str, np.ndarray]:
    """Return samples by temperature, draw by draw with all walkers of a draw together.

    `temperatures` (K,); `x`, `x_second` (K, n_samples, n_atoms, 3), mean-free; `chain`, `chain_second`
    (n_samples,), the walker of each sample: walkers of one run are independent of each other.
    """
    n_draws, _, n_walkers = runs["first"].x.shape[:3]
    first, second = (
        run.x.swapaxes(0, 1).reshape(run.x.shape[1], -1, *run.x.shape[3:]) for run in runs.values()
    )
    chain = np.tile(np.arange(n_walkers), n_draws)
    return {
        "temperatures": np.array(ladder),
        "x": first,
        "x_second": second,
        "chain": chain,
        "chain_second": chain,
    }
