"""Time annealing, training and energies on this machine: `python -m experiments.benchmark`.

Every case runs in a process of its own, which gives its peak memory. Writes figures/data/benchmark.json and
figures/tables/benchmark.md.
"""

import argparse
import multiprocessing
import resource
import time
from collections.abc import Sequence

from tqdm import tqdm

from experiments.errors import reported
from experiments.files import save_json, save_text
from experiments.paths import DATA, TABLES
from experiments.peptide_timing import PeptideEnergyCase
from experiments.tables import markdown
from experiments.timing import AnnealingCase, EnergyCase, TrainingCase, machine

Case = AnnealingCase | TrainingCase | EnergyCase | PeptideEnergyCase
# Weightings and probes; the exact divergence last, which takes longest.
WEIGHTINGS = (("score_kernel_ratio", 0), ("energy_kernel_ratio", 0), ("feynman_kac", 1), ("feynman_kac", 0))
EXACT = ("feynman_kac", 0, "score+energy", False)  # which torch.compile is not offered
HEADS = (("pairwise", "score"), ("pairwise", "energy"), ("egnn", "score"), ("egnn", "energy"))


def cases(*, compiled: bool) -> list[Case]:
    """All cases; few particles where an exact divergence takes seconds for each."""
    sizes = [("pairwise", 13, 64), ("egnn", 13, 64), ("pairwise", 38, 4), ("egnn", 38, 4)]
    sizes += [("pairwise", 55, 4), ("egnn", 55, 4)]
    annealing = [
        AnnealingCase(
            kind=kind,
            n_atoms=n_atoms,
            n_particles=n,
            weighting=weighting,
            n_probes=n_probes,
            heads="score" if weighting == "score_kernel_ratio" else "score+energy",
        )
        for kind, n_atoms, n in sizes
        for weighting, n_probes in WEIGHTINGS
    ]
    annealing += [
        AnnealingCase(
            kind="pairwise",
            n_atoms=13,
            n_particles=256,
            weighting=weighting,
            n_probes=n_probes,
            heads="score" if weighting == "score_kernel_ratio" else "energy",
            compiled=mode,
        )
        for weighting, n_probes in WEIGHTINGS
        for mode in ((False, True) if compiled and (weighting, n_probes) != EXACT[:2] else (False,))
    ]
    annealing += [
        AnnealingCase(kind="pairwise", n_atoms=13, n_particles=n, weighting="energy_kernel_ratio")
        for n in (256, 1024, 4096)
    ]
    training = [
        TrainingCase(kind=kind, n_atoms=13, head=head, batch_size=256, compiled=mode)
        for kind, head in (*HEADS, ("transformer", "score"))
        for mode in ((False, True) if compiled else (False,))
    ]
    energies = [EnergyCase(n_atoms=n, n_configurations=4096) for n in (13, 38, 55)]
    energies += [PeptideEnergyCase(system=system, n_configurations=256) for system in ("aldp", "al3")]
    return annealing + training + energies


def measured(case: Case) -> dict[str, float]:
    """Rates of a case and the peak memory of this process, MiB."""
    return case.measure() | {"peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def run(todo: Sequence[Case]) -> list[dict]:
    """Measure each case in a fresh process; all are forked from one that has imported what they need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["experiments.peptide_timing"])
    results = []
    with context.Pool(1, maxtasksperchild=1) as pool:
        for case in (progress := tqdm(todo, unit="case")):
            progress.write(str(case))
            start = time.perf_counter()
            result = {"case": type(case).__name__, **vars(case), **pool.apply(measured, (case,))}
            results.append(result | {"wall_seconds": time.perf_counter() - start})
    return results


def with_ratios(results: Sequence[dict]) -> list[dict]:
    """Results, those of annealing with how many times cheaper they are than the exact divergence.

    That of the paper's two networks, of the same kind and size, as they are without torch.compile.
    """
    exact = {
        (r["kind"], r["n_atoms"]): r["seconds_per_particle_and_level"]
        for r in results
        if (r.get("weighting"), r.get("n_probes"), r.get("heads"), r.get("compiled")) == EXACT
    }
    return [
        r | {"times_cheaper_than_exact": exact[r["kind"], r["n_atoms"]] / r["seconds_per_particle_and_level"]}
        if (r.get("kind"), r.get("n_atoms")) in exact and "weighting" in r
        else r
        for r in results
    ]


def tables(results: Sequence[dict], facts: dict[str, object]) -> str:
    """The machine, then one Markdown table per kind of case."""
    parts = [", ".join(f"{name} {value}" for name, value in facts.items()) + "\n"]
    for kind in dict.fromkeys(result["case"] for result in results):
        rows = [{k: v for k, v in r.items() if k != "case"} for r in results if r["case"] == kind]
        header = [name.replace("_", " ") for name in rows[0]]
        body = [[f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows]
        parts.append(markdown([header, *body]))
    return "\n".join(parts)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--eager", action="store_true", help="leave out what is compiled")
    with reported():
        todo, facts = cases(compiled=not parser.parse_args(argv).eager), machine()
        results = with_ratios(run(todo))
        save_json(DATA / "benchmark.json", {"machine": facts, "results": results})
        save_text(TABLES / "benchmark.md", tables(results, facts))


if __name__ == "__main__":
    main()
