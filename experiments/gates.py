"""Stage: the first two gates, which tell where error enters before a whole ladder is judged.

`python -m experiments.gates lj13`. Gate 1: the hot model of every seed, sampled at its own temperature
(gamma = 1), against the hot reference. Gate 2: one rung trained on reference samples and annealed to the next
temperature, for every variant of network and losses, against the reference there.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from experiments import paths
from experiments.errors import reported
from experiments.files import load_npz, save_csv, save_json, save_text
from experiments.gate_rows import judged
from experiments.gate_variants import ladder_of, load_gates
from experiments.ladder_run import load_ladder
from experiments.results import UNKNOWN
from experiments.sampling import TrainedLadder
from experiments.settings import load_system
from experiments.tables import markdown

TABLES = {"lj13": "gates"}  # of other systems: <system>-gates


def main(argv: Sequence[str] | None = None) -> None:
    """Read weights, reference and floors; sample; write the table of the gates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system")
    arguments = parser.parse_args(argv)
    with reported():
        rows = [*hot_rows(arguments.system), *variant_rows(arguments.system)]
        save_json(paths.DATA / f"{arguments.system}-gates.json", {"rows": rows})
        write_tables(arguments.system, rows)


def write_tables(system: str, rows: Sequence[dict]) -> None:
    """Write rows as CSV and as Markdown, what is not known by name."""
    columns, stem = list(rows[0]), paths.TABLES / TABLES.get(system, f"{system}-gates")
    named = [{name: UNKNOWN if value is None else value for name, value in row.items()} for row in rows]
    save_csv(stem.with_suffix(".csv"), named, columns=columns)
    save_text(stem.with_suffix(".md"), markdown([columns, *map(printed, named)]))


def hot_rows(system: str) -> list[dict]:
    """Gate 1: from pure noise, as sampled, and landed on the target, for every seed and number of islands."""
    physics, gates, descent = load_system(system), load_gates(system), load_ladder(system).descent
    rows = []
    for seed, n_islands in product(gates.seeds, gates.hot_islands):
        ladder = TrainedLadder.load(system, seed)
        n_particles = gates.hot_particles or descent.n_particles
        settings = replace(descent, n_particles=n_particles, n_islands=n_islands, renoise=None, n_legs=1)
        done = ladder.anneal(0, settings, gamma=1.0, beta=1 / physics.temperatures[0], name="gate-hot")
        variant = f"ladder, seed {seed}" + (f", {n_islands} islands" if n_islands > 1 else "")
        rows += judged(system, 0, done, gate=1, variant=variant)
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


def printed(row: dict) -> list[str]:
    """Return a row as texts, numbers with three digits."""
    return [f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()]


if __name__ == "__main__":
    main()
