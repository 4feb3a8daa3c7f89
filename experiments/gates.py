"""Stage: the first two gates, which tell where error enters before a whole ladder is judged.

`python -m experiments.gates lj13`. Gate 1: the hot model of every seed, sampled at its own temperature
(gamma = 1), against the hot reference. Gate 2: one rung trained on reference samples and annealed to the next
temperature, for every variant of network and losses, against the reference there.
"""

import argparse
from collections.abc import Sequence

import numpy as np
import torch

from experiments import paths
from experiments.errors import reported
from experiments.files import load_json, load_npz, save_csv, save_json, save_text
from experiments.gate_variants import ladder_of, load_gates
from experiments.ladder_run import load_ladder
from experiments.sampling import TrainedLadder
from experiments.settings import SystemSettings, load_system
from experiments.tables import markdown
from pita.descent import Descent
from pita.metrics.distance import distance_w2
from pita.metrics.energy import energy_w1, energy_w2
from pita.resampling import systematic

SEEDS = (1, 2, 3)
METRICS = ("distance_w2", "energy_w1", "energy_w2")


def main(argv: Sequence[str] | None = None) -> None:
    """Read weights, reference and floors; sample; write the table of the gates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system")
    arguments = parser.parse_args(argv)
    with reported():
        rows = [*hot_rows(arguments.system), *variant_rows(arguments.system)]
        save_json(paths.DATA / f"{arguments.system}-gates.json", {"rows": rows})
        save_csv(paths.TABLES / "gates.csv", rows, columns=list(rows[0]))
        save_text(paths.TABLES / "gates.md", markdown([list(rows[0]), *(printed(row) for row in rows)]))


def hot_rows(system: str) -> list[dict]:
    """Gate 1: as sampled, and landed on the target, for every seed."""
    physics, descent = load_system(system), load_ladder(system).descent
    rows = []
    for seed in SEEDS:
        ladder = TrainedLadder.load(system, seed)
        done = ladder.anneal(0, descent, gamma=1.0, beta=1 / physics.temperatures[0], name="gate-hot")
        rows += judged(system, 0, done, gate=1, variant=f"ladder, seed {seed}")
    return rows


def variant_rows(system: str) -> list[dict]:
    """Gate 2: as sampled, and landed, for every variant."""
    gates, rows = load_gates(system), []
    for variant in gates.variants:
        config = ladder_of(system, gates, variant)
        ladder = TrainedLadder(
            config.system, gates.seed, config.network, load_npz(paths.gate_weights(system, variant))
        )
        done = ladder.step(0, config.descent, name=f"gate-{variant}")
        rows += judged(system, gates.rung + 1, done, gate=2, variant=variant)
    return rows


def judged(system: str, rung: int, done: Descent, *, gate: int, variant: str) -> list[dict]:
    """Return one row for the particles as sampled and one for the landed ones, with the floors."""
    physics = load_system(system)
    temperature = physics.temperatures[rung]
    reference = load_npz(paths.reference(system), {"x": "float32"})["x"][rung]
    floors = load_json(paths.floor(system), keys=("per_temperature", "n_samples"))
    floor, n = floors["per_temperature"][rung]["metrics"], floors["n_samples"]
    particles, trace = done.annealed.particles, done.annealed.trace
    sampled = particles.x[systematic(particles.log_w, generator=torch.Generator().manual_seed(1))]
    rows = []
    for stage, x in (("as sampled", sampled), ("landed", done.landed.x)):
        row = {"gate": gate, "variant": variant, "samples": stage, "temperature": temperature}
        row |= compared(x.cpu().numpy()[:: len(x) // n][:n], reference[:n], physics, temperature)
        row |= {f"{name}_floor": floor[name]["mean"] for name in METRICS}
        row |= {
            "path_ess_min": trace.ess_fraction.min().item(),
            "resamplings": int(trace.resampled.sum()),
            "landing_ess": done.landed.ess_fraction,
        }
        rows.append(row)
    return rows


def compared(
    x: np.ndarray, reference: np.ndarray, physics: SystemSettings, temperature: float
) -> dict[str, float]:
    """Return the distances between equally many samples and reference samples."""
    target = physics.target()
    reduced = [
        target.energy(torch.from_numpy(each).double()).numpy() / temperature for each in (x, reference)
    ]
    values = (distance_w2(x, reference), energy_w1(*reduced), energy_w2(*reduced))
    return {"n_samples": len(x)} | dict(zip(METRICS, values, strict=True))


def printed(row: dict) -> list[str]:
    """Return a row as texts, numbers with three digits."""
    return [f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()]


if __name__ == "__main__":
    main()
