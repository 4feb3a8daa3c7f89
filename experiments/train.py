"""Stage: train the models of a ladder, rung by rung, annealing from each to the next.

`python -m experiments.train lj13 1 --minutes 25` works for at most 25 minutes and continues, exactly, when
called again; finished rungs are kept in experiments/scratch/. On several GPUs of one machine,
`torchrun --nproc-per-node 4 -m experiments.train lj13 1`: each trains on its rows of the same batches, and
the particles of an annealing are shared over them; batch_size and n_particles must be multiples of their
number. The hottest samples are drawn by every process alike, and the first one's are learned.
"""

import argparse
import shutil
from collections.abc import Sequence

from experiments import paths
from experiments.clock import Clock
from experiments.errors import reported
from experiments.files import save_npz
from experiments.ladder_run import gather_weights, load_ladder
from experiments.ranks import launched_ranks
from experiments.training_run import Training, climb


def main(argv: Sequence[str] | None = None) -> None:
    """Read the parameters, climb down the ladder, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system")
    parser.add_argument("seed", type=int)
    parser.add_argument("--minutes", type=float, default=None, help="stop after this long, to be continued")
    arguments = parser.parse_args(argv)
    with reported(), launched_ranks() as ranks:
        config = load_ladder(arguments.system)
        run = Training(config, arguments.system, arguments.seed, Clock(arguments.minutes), ranks=ranks)
        climb(run)
        weights = gather_weights(run.store, config.system, renoised=config.descent.renoise is not None)
        if ranks.is_first:
            save_npz(paths.weights(arguments.system, arguments.seed), weights)
            shutil.rmtree(run.store.folder)


if __name__ == "__main__":
    main()
