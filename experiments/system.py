"""Stage `system`: build a peptide, its structure and its force field, for everything that follows.

    python -m experiments.system aldp

Later stages read what it writes and need no OpenMM.
"""

import argparse
from collections.abc import Sequence

from experiments import paths
from experiments.errors import reported
from experiments.files import save_npz, save_text
from experiments.settings import read_system
from pita.peptide import peptide_arrays


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("system")
    name = parser.parse_args(argv).system
    with reported():
        settings = read_system(name)
        if settings.kind != "peptide":
            raise ValueError(f"{name}: only a peptide has to be built, got kind {settings.kind!r}")
        arrays, pdb = peptide_arrays(settings.residues)
        save_npz(paths.system(name), arrays)
        save_text(paths.structure(name), pdb)


if __name__ == "__main__":
    main()
