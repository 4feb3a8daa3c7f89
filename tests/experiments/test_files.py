"""Proves that stored files are whole or absent, repeat byte for byte, and are refused when damaged."""

import errno
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from experiments.files import (
    DataFileError,
    check_sha256,
    csv_text,
    load_json,
    load_npz,
    replacing,
    save_csv,
    save_json,
    save_npz,
    sha256,
)

X = np.arange(24, dtype=np.float32).reshape(2, 4, 3)


def test_arrays_come_back_with_values_and_dtypes(tmp_path: Path) -> None:
    save_npz(tmp_path / "a.npz", {"x": X, "seed": np.array(3)})
    arrays = load_npz(tmp_path / "a.npz", {"x": "float32"})
    assert list(arrays) == ["x"] and np.array_equal(arrays["x"], X) and arrays["x"].dtype == np.float32
    assert load_npz(tmp_path / "a.npz").keys() == {"x", "seed"}


def test_equal_content_gives_equal_bytes_and_other_content_does_not(tmp_path: Path) -> None:
    save_npz(tmp_path / "a.npz", {"x": X, "y": X})
    save_npz(tmp_path / "b.npz", {"y": X, "x": X})
    save_npz(tmp_path / "c.npz", {"y": X, "x": X + 1})
    save_json(tmp_path / "a.json", {"b": np.float64(1 / 3), "a": [1, 2]})
    save_json(tmp_path / "b.json", {"a": (1, 2), "b": 1 / 3 + 1e-16})
    assert sha256(tmp_path / "a.npz") == sha256(tmp_path / "b.npz") != sha256(tmp_path / "c.npz")
    assert (tmp_path / "a.json").read_text() == '{\n  "a": [\n    1,\n    2\n  ],\n  "b": 0.3333333333\n}\n'
    assert sha256(tmp_path / "a.json") == sha256(tmp_path / "b.json")


def test_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replacing(file) as stream:
        stream.write(b"half of the n")
        raise KeyboardInterrupt
    assert file.read_bytes() == b"old" and list(tmp_path.iterdir()) == [file]
    file.write_bytes(b"half of the n")
    assert file.read_bytes() != b"old", "writing in place loses the old file"


def test_killed_writer_leaves_no_file_under_the_final_name(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    child = os.fork()
    if child == 0:
        with replacing(file) as stream:
            stream.write(b"PK half")
            stream.flush()
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert not file.exists() and file.with_name("a.npz.partial").exists()
    save_npz(file, {"x": X})
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_full_disk_is_one_error_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    save_npz(tmp_path / "a.npz", {"x": X})
    before = sha256(tmp_path / "a.npz")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(DataFileError, match=r"a\.npz: not written: No space left on device"):
        save_npz(tmp_path / "a.npz", {"x": X + 1})
    assert sha256(tmp_path / "a.npz") == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("kept", [0, 1, 20, 300, -1])
def test_truncated_archive_is_named(tmp_path: Path, kept: int) -> None:
    save_npz(tmp_path / "a.npz", {"x": X})
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[:kept])
    with pytest.raises(DataFileError, match=r"a\.npz: .*cannot be read as \.npz"):
        load_npz(tmp_path / "a.npz")


def test_flipped_byte_is_found_and_the_array_named(tmp_path: Path) -> None:
    save_npz(tmp_path / "a.npz", {"x": X})
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.find(X.tobytes()) + 40] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataFileError, match=r"a\.npz: x: cannot be read"):
        load_npz(tmp_path / "a.npz")


def test_pickled_objects_are_refused_in_both_directions(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(DataFileError, match=r"a\.npz: x: holds Python objects"):
        save_npz(tmp_path / "a.npz", {"x": objects})
    np.savez(tmp_path / "b.npz", x=objects)
    with pytest.raises(DataFileError, match=r"b\.npz: x: cannot be read"):
        load_npz(tmp_path / "b.npz")
    (tmp_path / "c.npz").write_bytes(pickle.dumps(X))
    with pytest.raises(DataFileError, match=r"c\.npz: .*cannot be read"):
        load_npz(tmp_path / "c.npz")


def test_nan_is_refused_in_both_directions(tmp_path: Path) -> None:
    spoiled = X.copy()
    spoiled[0, 0, 0] = np.nan
    with pytest.raises(DataFileError, match=r"a\.npz: x: holds 1 NaN of 24"):
        save_npz(tmp_path / "a.npz", {"x": spoiled})
    np.savez(tmp_path / "b.npz", x=spoiled)
    with pytest.raises(DataFileError, match=r"b\.npz: x: holds 1 NaN of 24"):
        load_npz(tmp_path / "b.npz")


def test_missing_key_wrong_dtype_and_plain_array_are_named(tmp_path: Path) -> None:
    save_npz(tmp_path / "a.npz", {"x": X})
    with pytest.raises(DataFileError, match=r"a\.npz: y: missing; the file has x"):
        load_npz(tmp_path / "a.npz", {"y": "float32"})
    with pytest.raises(DataFileError, match=r"a\.npz: x: dtype must be float64, got float32"):
        load_npz(tmp_path / "a.npz", {"x": "float64"})
    np.save(tmp_path / "b.npy", X)
    with pytest.raises(DataFileError, match=r"b\.npy: cannot be read as \.npz"):
        load_npz(tmp_path / "b.npy")
    with pytest.raises(DataFileError, match=r"c\.npz: no such file"):
        load_npz(tmp_path / "c.npz")


def test_hash_that_differs_is_named(tmp_path: Path) -> None:
    save_npz(tmp_path / "a.npz", {"x": X})
    check_sha256(tmp_path / "a.npz", sha256(tmp_path / "a.npz"))
    with pytest.raises(DataFileError, match=r"a\.npz: sha256: expected 0{64}, found [0-9a-f]{64}"):
        check_sha256(tmp_path / "a.npz", "0" * 64)


def test_json_refuses_nan_and_names_missing_keys(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"a\.json: not written"):
        save_json(tmp_path / "a.json", {"a": float("nan")})
    save_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(DataFileError, match=r"a\.json: b: missing; the file has a"):
        load_json(tmp_path / "a.json", keys=("a", "b"))
    (tmp_path / "b.json").write_text('{"a": ')
    with pytest.raises(DataFileError, match=r"b\.json: is not JSON"):
        load_json(tmp_path / "b.json")


def test_csv_has_every_column_in_every_row(tmp_path: Path) -> None:
    rows = [{"n": 1, "energy": np.float64(2 / 3)}, {"n": 2, "energy": None}]
    save_csv(tmp_path / "a.csv", rows, columns=["n", "energy"])
    assert (tmp_path / "a.csv").read_bytes() == b"n,energy\n1,0.6666666667\n2,\n"
    with pytest.raises(ValueError, match="must have the columns n, energy"):
        csv_text([{"n": 1}], columns=["n", "energy"])
