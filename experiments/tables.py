"""Write the table of one system, or of one budget of it, as CSV, Markdown and TeX:
`python -m experiments.tables lj13`.

With `--seed 1`, print and write the table of that seed alone, as Markdown.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.claims import load_claims
from experiments.errors import reported
from experiments.files import save_csv, save_text
from experiments.results import EVALS, UNKNOWN, Cell, Row, metric_names, table_rows

TABLE_FOLDER = Path("figures/tables")
SCIENTIFIC_FROM = 1e4  # overlapping atoms make energy distances of many digits
NOTE = (
    "Ours: mean ± standard error over seeds. Floor: mean ± standard deviation of the distance between two "
    "independent reference sets of the same size. Published: as printed. Energies in kT."
)
TICA_NOTE = "TICA distances in the unit of the plane they were measured in; the published plane is another."
METRIC_NOTES = {
    "torus_w2": "Torus W2 in radians, over all phi and psi.",
    "rama_kl": "Rama KL in nats, 100 x 100 bins and 1e-10 inside the logarithm: mostly empty bins; "
    "definition and sample size of published values are not known, so they cannot be compared with ours.",
    "rama_js": "Rama JS in nats and Rama TV, from bins of 15 degrees.",
    "tica_w1": TICA_NOTE,
    "tica_w2": TICA_NOTE,
    "delta_f_error_kcal": "Delta F error in kcal/mol, phi > 0 against phi < 0; not known if one is empty.",
}


def csv_columns(rows: Sequence[Row]) -> list[str]:
    """Column names of the CSV for `rows`."""
    evals = [_evals_column(part) for part in EVALS]
    metrics = [column for name in metric_names(rows) for column in (name, f"{name}_se")]
    return ["method", "source", "n_seeds", "n_samples", *evals, *metrics]


def csv_lines(rows: Sequence[Row]) -> list[dict[str, object]]:
    """The lines of the CSV: numbers, or `not known`."""
    names = metric_names(rows)
    return [_csv_line(row, names) for row in rows]


def text_rows(rows: Sequence[Row]) -> list[list[str]]:
    """Header and lines of the printed table, one text per cell."""
    names = metric_names(rows)
    parts = [f"energy evals {part}" for part in EVALS]
    header = ["method", "source", "seeds", "n", *parts, *(name.replace("_", " ") for name in names)]
    lines = [
        [row.method, row.source, str(row.n_seeds), str(row.n_samples)]
        + [count(row.energy_evals[part]) for part in EVALS]
        + [printed(row.metrics.get(name)) for name in names]
        for row in rows
    ]
    return [header, *lines]


def markdown(table: Sequence[Sequence[str]]) -> str:
    """The table as GitHub Markdown; the first row is the header."""
    header, *lines = (f"| {' | '.join(row)} |" for row in table)
    return "\n".join([header, "|" + "---|" * len(table[0]), *lines]) + "\n"


def tex(table: Sequence[Sequence[str]]) -> str:
    """The table as a TeX tabular; the first row is the header."""
    header, *lines = (" & ".join(_tex_text(text) for text in row) + r" \\" for row in table)
    body = [r"\hline", header, r"\hline", *lines, r"\hline"]
    return "\n".join([rf"\begin{{tabular}}{{{'l' * len(table[0])}}}", *body, r"\end{tabular}"]) + "\n"


def note(rows: Sequence[Row]) -> str:
    """What the numbers of the table mean, with the units of those metrics that it has."""
    units = [METRIC_NOTES[name] for name in metric_names(rows) if name in METRIC_NOTES]
    return " ".join([NOTE, *dict.fromkeys(units)])


def write_tables(system: str, *, root: Path) -> None:
    """Read the stored results of `system` and write its three tables."""
    claims = load_claims(root)
    rows = table_rows(system, root=root, claims=claims)
    published = claims.published_for(system)
    printed_in = [f"- {row.method}: {row.where}" for row in published]
    stem = root / TABLE_FOLDER / system
    save_csv(stem.with_suffix(".csv"), csv_lines(rows), columns=csv_columns(rows))
    table, notes = text_rows(rows), note(rows)
    save_text(stem.with_suffix(".md"), "\n".join([markdown(table), notes, "", *printed_in, ""]))
    save_text(stem.with_suffix(".tex"), f"% {notes}\n{tex(table)}")


def write_seed_table(system: str, seed: int, *, root: Path) -> None:
    """Write and print the Markdown table of one seed."""
    rows = table_rows(system, root=root, claims=load_claims(root), seed=seed)
    table = markdown(text_rows(rows))
    save_text(root / TABLE_FOLDER / f"{system}-seed-{seed}.md", table)
    sys.stdout.write(table)


def _csv_line(row: Row, names: Sequence[str]) -> dict[str, object]:
    line: dict[str, object] = {
        "method": row.method,
        "source": row.source,
        "n_seeds": row.n_seeds,
        "n_samples": row.n_samples,
    }
    line |= {_evals_column(part): row.energy_evals[part] for part in EVALS}
    for name in names:
        cell = row.metrics.get(name)
        line[name] = UNKNOWN if cell is None else cell.value
        line[f"{name}_se"] = UNKNOWN if cell is None or cell.error is None else cell.error
    return line


def _evals_column(part: str) -> str:
    return "energy_evals" if part == "total" else f"energy_evals_{part}"


def count(number: int | str) -> str:
    """A number of evaluations as it is printed; text stays."""
    return number if isinstance(number, str) else f"{number:,}"


def printed(cell: Cell | None) -> str:
    """A cell as it is printed: as published, or to two digits of its error."""
    if cell is None:
        return UNKNOWN
    if cell.printed is not None:
        return cell.printed
    if abs(cell.value) >= SCIENTIFIC_FROM:
        error = "" if cell.error is None else f" ± {cell.error:.1e}"
        return f"{cell.value:.1e}{error}"
    if cell.error is None:
        return f"{cell.value:.3g}"
    if cell.error == 0:
        return f"{cell.value:.3g} ± 0"
    places = max(0, 1 - int(f"{cell.error:e}".split("e")[1]))
    return f"{cell.value:.{places}f} ± {cell.error:.{places}f}"


def _tex_text(text: str) -> str:
    return text.replace("_", r"\_").replace("±", r"$\pm$")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("system")
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    with reported():
        if arguments.seed is None:
            write_tables(arguments.system, root=Path("."))
        else:
            write_seed_table(arguments.system, arguments.seed, root=Path("."))


if __name__ == "__main__":
    main()
