"""The published numbers and this repository's own aims, as stated in `paper/claims.toml`."""

import dataclasses
import re
from pathlib import Path
from typing import Literal, NamedTuple

from experiments.config import load_config
from experiments.paths import system_of

CLAIMS_FILE = Path("paper/claims.toml")
PRINTED = re.compile(r"(\d+(?:\.\d+)?)(?: ± (\d+(?:\.\d+)?))?")


class Printed(NamedTuple):
    """A printed number with its printed error, if it has one."""

    value: float
    error: float | None


def parse_printed(text: str) -> Printed:
    """Read `2.26 ± 0.21` or `0.127`."""
    match = PRINTED.fullmatch(text)
    if match is None:
        raise ValueError(f"a printed number must read '2.26 ± 0.21' or '0.127', got {text!r}")
    return Printed(float(match[1]), None if match[2] is None else float(match[2]))


@dataclasses.dataclass(frozen=True)
class Published:
    """One row of a published table; `metrics` holds the numbers as printed, unknown ones are absent."""

    system: str
    method: str
    energy_evals: str
    metrics: dict[str, str]
    where: str

    def __post_init__(self) -> None:
        for printed in self.metrics.values():
            parse_printed(printed)


@dataclasses.dataclass(frozen=True)
class Claim:
    """`method` of ours is at most `tolerance` above the number published for `published`."""

    system: str
    method: str
    metric: str
    published: str
    tolerance: float


@dataclasses.dataclass(frozen=True)
class Target:
    """`method` of ours is at most `at_most`, in units of the metric or of its noise floor.

    `floor + sd`: at most `at_most` floors plus the floor's own standard deviation.
    """

    system: str
    method: str
    metric: str
    grade: Literal["to reach", "beyond"]
    at_most: float
    unit: Literal["absolute", "floor", "floor + sd"]


@dataclasses.dataclass(frozen=True)
class Claims:
    """The whole file; `systems` says which systems this repository has run."""

    systems: dict[str, bool]
    published: tuple[Published, ...]
    claims: tuple[Claim, ...]
    targets: tuple[Target, ...]

    def __post_init__(self) -> None:
        for entry in (*self.published, *self.claims, *self.targets):
            if entry.system not in self.systems:
                raise ValueError(f"system {entry.system!r} of {entry!r} is not among [systems]")
        for claim in self.claims:
            self.printed(claim)

    def published_for(self, system: str) -> list[Published]:
        """Return the published rows of a system, or of the system that `system` is a budget of, in order."""
        return [row for row in self.published if row.system == system_of(system)]

    def targets_for(self, name: str) -> list[Target]:
        """Return the targets of a system; of a budget, those of its system under the budget's name."""
        return [
            dataclasses.replace(target, system=name)
            for target in self.targets
            if target.system == system_of(name)
        ]

    def printed(self, claim: Claim) -> Printed:
        """Return the published number that `claim` refers to."""
        for row in self.published_for(claim.system):
            if row.method == claim.published and claim.metric in row.metrics:
                return parse_printed(row.metrics[claim.metric])
        raise ValueError(f"{claim!r} refers to a number that no [[published]] entry has")


def load_claims(root: Path) -> Claims:
    """Read `paper/claims.toml` of the repository at `root`."""
    return load_config(root / CLAIMS_FILE, Claims)
