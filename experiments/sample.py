"""Stage: sample the target temperature by one method from the trained models of a ladder.

`python -m experiments.sample lj13 pita 1`; on several devices, particles shared over them,
`torchrun --nproc-per-node 2 -m experiments.sample lj13 pita 1`.
"""

import argparse
from collections.abc import Sequence

from experiments import paths
from experiments.config import load_section
from experiments.errors import reported
from experiments.files import save_json, save_npz
from experiments.ranks import launched_ranks
from experiments.sampling import TrainedLadder, diagnostics, samples_of
from pita.descent import DescentSettings
from pita.results import energy_bill


def main(argv: Sequence[str] | None = None) -> None:
    """Read the weights, anneal from the last rung but one, write samples and their price."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system")
    parser.add_argument("method")
    parser.add_argument("seed", type=int)
    arguments = parser.parse_args(argv)
    with reported(), launched_ranks() as ranks:
        settings = load_section(paths.params(arguments.system), f"sample.{arguments.method}", DescentSettings)
        ladder = TrainedLadder.load(arguments.system, arguments.seed, ranks=ranks)
        last = len(ladder.system.temperatures) - 2
        done = ladder.step(last, settings, name=f"sample-{arguments.method}")
        if not ranks.is_first:
            return
        out = paths.samples(arguments.system, arguments.method, arguments.seed)
        out.parent.mkdir(parents=True, exist_ok=True)
        bill = energy_bill(**ladder.bill(), sample=done.n_energy_evals)
        save_npz(out, {"x": samples_of(done).cpu().numpy()})
        save_json(out.with_suffix(".json"), {"energy_evals": bill, **diagnostics(done)})


if __name__ == "__main__":
    main()
