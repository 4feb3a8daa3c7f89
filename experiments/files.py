"""Reading and writing of stored evidence: arrays (`.npz`, never pickled), JSON and CSV.

Every write goes to `<name>.partial` beside the file, is flushed to disk and then renamed, so that an
interrupt or a full disk leaves the old file or none. Equal content gives equal bytes: names are sorted,
floats have a fixed precision, and no file carries a date. What cannot be read or written raises one
`DataFileError` that names the file and the key.
"""

import csv
import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

SIGNIFICANT_DIGITS = 10


class DataFileError(ValueError):
    """A data file that is absent, damaged or not as expected, or that could not be written."""


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a binary file that takes the place of `path` only when the block ends without an error."""
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DataFileError(f"{path}: not written: {error.strerror or error}") from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def save_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with the line ends it has."""
    with replacing(path) as file:
        file.write(text.encode())


def save_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays, sorted by name, uncompressed; NaN and Python objects are refused."""
    ordered = {name: np.asarray(arrays[name]) for name in sorted(arrays)}
    for name, array in ordered.items():
        _check_array(array, path=path, key=name)
    with replacing(path) as file:
        np.savez(file, **ordered)


def load_npz(
    path: Path, dtypes: Mapping[str, str] | None = None, *, keys: Iterable[str] = ()
) -> dict[str, np.ndarray]:
    """Read the arrays named in `dtypes` (name -> dtype), or every array of the file, which must have `keys`.

    NaN is an error.
    """
    arrays = {}
    key = "the archive"
    path = _existing(path)
    if not zipfile.is_zipfile(path):
        raise DataFileError(f"{path}: cannot be read as .npz: it is truncated or something else")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            for key in archive.files if dtypes is None else dtypes:
                if key not in archive.files:
                    raise DataFileError(f"{path}: {key}: missing; the file has {', '.join(archive.files)}")
                arrays[key] = archive[key]
    except DataFileError:
        raise
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise DataFileError(f"{path}: {key}: cannot be read as .npz: {error}") from error
    for key in keys:
        if key not in arrays:
            raise DataFileError(f"{path}: {key}: missing; the file has {', '.join(arrays)}")
    for key, array in arrays.items():
        _check_array(array, path=path, key=key)
        if dtypes is not None and array.dtype != np.dtype(dtypes[key]):
            raise DataFileError(f"{path}: {key}: dtype must be {dtypes[key]}, got {array.dtype}")
    return arrays


def save_json(path: Path, content: Mapping) -> None:
    """Write JSON with sorted keys and floats of ten significant digits; NaN and infinity are refused."""
    try:
        text = json.dumps(_rounded(content), sort_keys=True, indent=2, allow_nan=False, ensure_ascii=False)
    except (ValueError, TypeError) as error:
        raise DataFileError(f"{path}: not written: {error}: {content!r}") from error
    save_text(path, text + "\n")


def load_json(path: Path, keys: Iterable[str] = ()) -> dict:
    """Read a JSON object that must have `keys`."""
    try:
        content = json.loads(_existing(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataFileError(f"{path}: is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataFileError(f"{path}: must hold an object, got {type(content).__name__}")
    for key in keys:
        if key not in content:
            raise DataFileError(f"{path}: {key}: missing; the file has {', '.join(sorted(content))}")
    return content


def csv_text(rows: Iterable[Mapping[str, object]], *, columns: Sequence[str]) -> str:
    """One line per row with exactly `columns`; floats have ten significant digits, `None` is empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        if row.keys() != set(columns):
            raise ValueError(f"a row must have the columns {', '.join(columns)}, got {dict(row)!r}")
        writer.writerow(_rounded(row))
    return buffer.getvalue()


def save_csv(path: Path, rows: Iterable[Mapping[str, object]], *, columns: Sequence[str]) -> None:
    """Write the `csv_text` of `rows`."""
    save_text(path, csv_text(rows, columns=columns))


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with _existing(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sha256(path: Path, expected: str) -> None:
    """Raise `DataFileError` unless the file has the SHA-256 `expected`."""
    if (found := sha256(path)) != expected:
        raise DataFileError(f"{path}: sha256: expected {expected}, found {found}")


def _existing(path: Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise DataFileError(f"{path}: no such file")
    return path


def _check_array(array: np.ndarray, *, path: Path, key: str) -> None:
    if array.dtype.hasobject:
        raise DataFileError(f"{path}: {key}: holds Python objects, dtype {array.dtype}")
    if np.issubdtype(array.dtype, np.inexact) and (count := int(np.isnan(array).sum())):
        raise DataFileError(f"{path}: {key}: holds {count} NaN of {array.size} values")


def _rounded(value: object) -> object:
    """The same content in plain Python types, floats rounded to `SIGNIFICANT_DIGITS`."""
    if isinstance(value, Mapping):
        return {str(name): _rounded(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(entry) for entry in value]
    if isinstance(value, np.ndarray | np.generic):
        return _rounded(value.tolist())
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    return value
