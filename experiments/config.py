"""Parameters: TOML files read into frozen dataclasses.

A default lives in the dataclass or nowhere: every field without one must be present, no other key may be, and
each value must have the type of its field. Fields may be `bool`, `int`, `float`, `str`, `Literal[...]`,
`tuple[T, ...]`, `tuple[A, B]`, `dict[str, T]` (entries with free names), dataclasses (sections), and any of
them `| None` where the default is `None`. A `ValueError` raised by a dataclass's `__post_init__` is reported
with the name of the section.
"""

import dataclasses
import math
import tomllib
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class ConfigError(ValueError):
    """A parameter file that cannot be read as asked; the message names file, key and value."""


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where in which file a value stands."""

    file: Path
    key: str = ""

    def __truediv__(self, name: str) -> "_Place":
        return _Place(self.file, f"{self.key}.{name}" if self.key else name)

    def error(self, problem: str) -> ConfigError:
        return ConfigError(f"{self.file}: {self.key or 'top level'}: {problem}")


def load_config(path: Path, schema: type[T]) -> T:
    """Read the TOML file `path` as the dataclass `schema`, whole."""
    return from_table(_table(path), schema, file=path)


def load_section(path: Path, name: str, schema: type[T], **given: object) -> T:
    """Read one section of the TOML file `path` as the dataclass `schema`; the others may hold anything.

    `name` may have dots, for a section inside a section. `given` are fields that another section determines
    and this one therefore must not name.
    """
    place, table = _Place(Path(path)), _table(path)
    for part in name.split("."):
        place, table = place / part, table.get(part, {}) if isinstance(table, dict) else table
    for key in given.keys() & (table.keys() if isinstance(table, dict) else ()):
        raise (place / key).error("unknown key; another section determines its value")
    return _section(table | given if isinstance(table, dict) else table, schema, place)


def refuse_sections(path: Path, names: Sequence[str], *, reason: str) -> None:
    """Raise `ConfigError` if the TOML file `path` has a section of one of these names, for this reason."""
    for name in sorted(_table(path).keys() & set(names)):
        raise (_Place(Path(path)) / name).error(f"does not belong here; {reason}")


def from_table(table: dict, schema: type[T], *, file: Path, key: str = "") -> T:
    """Build the dataclass `schema` from a table already read; `file` and `key` say where it stands."""
    return _section(table, schema, _Place(Path(file), key))


def _table(path: Path) -> dict:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error


def _section(table: object, schema: type, place: _Place) -> object:
    if not isinstance(table, dict):
        raise place.error(f"must be a section, got {table!r}")
    hints = typing.get_type_hints(schema)
    fields = {field.name: field for field in dataclasses.fields(schema)}
    for name in sorted(table.keys() - fields.keys()):
        raise (place / name).error(f"unknown key, value {table[name]!r}; known keys are {', '.join(fields)}")
    for name, field in fields.items():
        if name not in table and field.default is field.default_factory is dataclasses.MISSING:
            raise (place / name).error(f"missing key; a {_name(hints[name])} is needed")
    values = {name: _value(table[name], hints[name], place / name) for name in fields if name in table}
    try:
        return schema(**values)
    except ValueError as error:
        raise place.error(str(error)) from error


def _value(value: object, expected: type, place: _Place) -> object:
    if dataclasses.is_dataclass(expected):
        return _section(value, expected, place)
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin in (types.UnionType, typing.Union) and len(arguments) == 2 and arguments[1] is type(None):
        return _value(value, arguments[0], place)
    if origin is typing.Literal:
        if value not in arguments:
            raise place.error(f"must be one of {', '.join(map(repr, arguments))}, got {value!r}")
        return value
    if origin is tuple:
        return _tuple(value, arguments, place)
    if origin is dict:
        if not isinstance(value, dict):
            raise place.error(f"must be a section of named entries, got {value!r}")
        return {name: _value(entry, arguments[1], place / name) for name, entry in value.items()}
    return _scalar(value, expected, place)


def _tuple(value: object, arguments: tuple, place: _Place) -> tuple:
    if not isinstance(value, list):
        raise place.error(f"must be an array, got {value!r}")
    kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
    if len(value) != len(kinds):
        raise place.error(f"must have {len(kinds)} entries, got {value!r}")
    return tuple(
        _value(entry, kind, place / str(i)) for i, (entry, kind) in enumerate(zip(value, kinds, strict=True))
    )


def _scalar(value: object, expected: type, place: _Place) -> object:
    accepted: dict[type, Callable[[object], bool]] = {
        bool: lambda v: isinstance(v, bool),
        int: lambda v: isinstance(v, int) and not isinstance(v, bool),
        float: lambda v: isinstance(v, int | float) and not isinstance(v, bool) and not math.isnan(v),
        str: lambda v: isinstance(v, str),
    }
    if expected not in accepted:
        raise TypeError(f"{place.key}: a parameter cannot have the type {expected!r}")
    if not accepted[expected](value):
        raise place.error(f"must be a {_name(expected)}, got {value!r}")
    return expected(value)


def _name(kind: object) -> str:
    return kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else str(kind)
