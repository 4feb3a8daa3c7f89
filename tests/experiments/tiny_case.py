"""The tiny system in a repository of its own, with parameters changed at will, and its stages run in it."""

import shutil
from pathlib import Path

import torch

from experiments import paths, train

PARAMETERS = Path(__file__).parents[2] / "experiments/params/tiny.toml"


def repository(root, patch, **changes):
    """Make `root` the repository, with the tiny parameters in it, changed as in `write_parameters`."""
    for name, folder in {"ROOT": "", "DATA": "figures/data", "SCRATCH": "experiments/scratch"}.items():
        patch.setattr(paths, name, root / folder)
    patch.setattr(torch, "compile", refused)
    write_parameters(**changes)
    return root


def refused(*_arguments, **_options):
    raise AssertionError("the tiny system compiles nothing: that takes longer than all its stages")


def write_parameters(**changes):
    """Write the tiny parameters; a change, `key=line`, replaces the first line of that key."""
    lines = PARAMETERS.read_text().splitlines()
    for key, new in changes.items():
        place = next(i for i, line in enumerate(lines) if line.startswith(f"{key} ="))
        lines[place] = new
    paths.params("tiny").parent.mkdir(parents=True, exist_ok=True)
    paths.params("tiny").write_text("\n".join(lines))


def trained(*arguments, seed=1):
    """Run the training stage to its end; returns the weights file."""
    train.main(["tiny", str(seed), *arguments])
    return paths.weights("tiny", seed)


def scratch_folder():
    """The one folder in which a stopped training waits to be continued."""
    (folder,) = paths.SCRATCH.iterdir()
    return folder


def copied_weights(weights, root):
    """Put trained weights into the repository at `root`."""
    (root / "experiments/weights").mkdir(parents=True, exist_ok=True)
    shutil.copy(weights, root / "experiments/weights/tiny-1.npz")
