"""Stage: train one variant of the second gate, one rung on reference samples.

`python -m experiments.train_gate lj13 energy`
"""

import argparse
import shutil
from collections.abc import Sequence

from experiments import paths
from experiments.clock import Clock
from experiments.errors import reported
from experiments.files import save_npz
from experiments.gate_variants import hotter_sets, ladder_of, load_gates, training_samples
from experiments.ladder_run import gather_weights
from experiments.training_run import Training, climb


def main(argv: Sequence[str] | None = None) -> None:
    """Read the reference, train, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system")
    parser.add_argument("variant")
    parser.add_argument("--minutes", type=float, default=None, help="stop after this long, to be continued")
    arguments = parser.parse_args(argv)
    with reported():
        gates = load_gates(arguments.system)
        config = ladder_of(arguments.system, gates, arguments.variant)
        run = Training(
            config,
            f"{arguments.system}-gate-{arguments.variant}",
            gates.seed,
            Clock(arguments.minutes),
            hotter=hotter_sets(arguments.system, gates, arguments.variant),
        )
        if run.store.load("samples-0") is None:
            run.store.save("samples-0", training_samples(arguments.system, gates, arguments.variant))
        climb(run)
        save_npz(
            paths.gate_weights(arguments.system, arguments.variant), gather_weights(run.store, config.system)
        )
        shutil.rmtree(run.store.folder)


if __name__ == "__main__":
    main()
