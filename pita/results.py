"""What every sampling method returns, so that methods are judged and tabulated alike."""

from typing import NamedTuple

from torch import Tensor


class MethodResult(NamedTuple):
    """Samples of one method with their price.

    `x` (n, n_atoms, 3): equally weighted, at the target temperature. `energy_evals`: evaluations of energy or
    force, one per configuration: `initial` (hot start), `ladder` (way down, burn-in), `sample`, `total`.
    `ess`: effective sample sizes by name, in [1, n]. `counters`: `clipped`, `nonfinite`, `wrong_chirality`.
    """

    x: Tensor
    energy_evals: dict[str, int]
    ess: dict[str, float]
    counters: dict[str, int]


def energy_bill(*, initial: int, ladder: int, sample: int) -> dict[str, int]:
    """Energy evaluations by phase, with their total."""
    return {"initial": initial, "ladder": ladder, "sample": sample, "total": initial + ladder + sample}
