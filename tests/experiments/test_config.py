"""Proves that a parameter file is taken whole and literally, or refused with file, key and value."""

import dataclasses
import re
from pathlib import Path
from typing import Literal

import pytest

from experiments.config import ConfigError, load_config


@dataclasses.dataclass(frozen=True)
class Move:
    step_size: float
    n_leapfrog: int
    jitter: float = 0.2
    warm_up: "Move | None" = None


@dataclasses.dataclass(frozen=True)
class Parameters:
    name: str
    ladder: tuple[float, ...]
    span: tuple[int, float]
    compiled: bool
    weighting: Literal["kernel", "none"]
    move: Move
    methods: dict[str, Move]

    def __post_init__(self) -> None:
        if len(self.ladder) < 2:
            raise ValueError(f"ladder needs two temperatures, got {self.ladder}")


GOOD = """
name = "lj13"
ladder = [4, 3.0, 1e0]
span = [3, 2.5]
compiled = true
weighting = "kernel"
[move]
step_size = 1e-2
n_leapfrog = 10
[methods.hmc]
step_size = 1
n_leapfrog = 2
jitter = 0
warm_up = { step_size = 0.5, n_leapfrog = 3 }
"""


def read(tmp_path: Path, text: str) -> Parameters:
    file = tmp_path / "parameters.toml"
    file.write_text(text)
    return load_config(file, Parameters)


def test_values_arrive_with_their_types(tmp_path: Path) -> None:
    parameters = read(tmp_path, GOOD)
    assert parameters == Parameters(
        name="lj13",
        ladder=(4.0, 3.0, 1.0),
        span=(3, 2.5),
        compiled=True,
        weighting="kernel",
        move=Move(step_size=0.01, n_leapfrog=10),
        methods={"hmc": Move(1.0, 2, jitter=0.0, warm_up=Move(step_size=0.5, n_leapfrog=3))},
    )
    assert isinstance(parameters.ladder[0], float)


@pytest.mark.parametrize(
    ("old", "new", "key", "value"),
    [
        ("n_leapfrog = 10", "n_leapfrogs = 10", "move.n_leapfrogs", "10"),
        ("n_leapfrog = 10\n", "", "move.n_leapfrog", "missing"),
        ("n_leapfrog = 10", "n_leapfrog = 10.0", "move.n_leapfrog", "10.0"),
        ("n_leapfrog = 10", "n_leapfrog = true", "move.n_leapfrog", "True"),
        ("step_size = 1e-2", 'step_size = "1e-2"', "move.step_size", "'1e-2'"),
        ("step_size = 1e-2", "step_size = nan", "move.step_size", "nan"),
        ('name = "lj13"', "name = 13", "name", "13"),
        ("compiled = true", "compiled = 1", "compiled", "1"),
        ('"kernel"', '"kernal"', "weighting", "'kernal'"),
        ("[4, 3.0, 1e0]", '[4, "3"]', "ladder.1", "'3'"),
        ("[4, 3.0, 1e0]", "4.0", "ladder", "4.0"),
        ("[3, 2.5]", "[3]", "span", "[3]"),
        ("[methods.hmc]", "[methods.hmc]\nseed = 1", "methods.hmc.seed", "1"),
        ("[move]", "[moves]", "moves", "step_size"),
        ("n_leapfrog = 3", "n_leapfrog = 3.5", "methods.hmc.warm_up.n_leapfrog", "3.5"),
    ],
)
def test_wrong_entry_is_named_with_file_and_value(
    tmp_path: Path, old: str, new: str, key: str, value: str
) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(ConfigError, match=rf"parameters\.toml: {re.escape(key)}: .*{re.escape(value)}"):
        read(tmp_path, GOOD.replace(old, new))


def test_refusal_of_a_section_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"parameters\.toml: top level: ladder needs two temperatures"):
        read(tmp_path, GOOD.replace("[4, 3.0, 1e0]", "[4]"))


def test_text_that_is_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"parameters\.toml: is not TOML"):
        read(tmp_path, "name = ")


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read"):
        load_config(tmp_path / "absent.toml", Parameters)
