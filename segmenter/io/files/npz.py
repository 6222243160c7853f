"""Read and write named arrays as an NPZ file; equal arrays give equal bytes."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from io import BytesIO
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from segmenter.errors import ReadError
from segmenter.io.files.local import open_regular

_DAMAGE_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError),  # from reading the archive
    *(ValueError, TypeError, SyntaxError, TokenError),  # from parsing the headers of arrays, which are Python literals
)
"""Exceptions that a damaged NPZ file may raise."""

COMPRESSION_LEVEL = 1
"""On the posteriors of four photos, this took 1 to 6 % more bytes than level 6, and half the time."""


def encode_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as the bytes of a compressed NPZ file, which `numpy.load` reads."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL) as archive:
        for name, array in arrays.items():
            # Opening by name dates the entry 1980, not today.
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(array, order="C"), allow_pickle=False)
    return content.getvalue()


def decode_arrays(
    path: Path,
    names: Collection[str],
    check_header: Callable[[str, tuple[int, ...], int], None],
    make_error: Callable[[str], ReadError],
) -> dict[str, NDArray[Any]]:
    """Return some arrays of an NPZ file by name; no code in the file is executed.

    Memory follows what is there, not what the file claims: the size of an array is checked before its values are
    decompressed, and all other members of the archive are ignored.

    Parameters
    ----------
    path : Path
    names : collection of str
        The arrays to read; those that are missing are left out.
    check_header : callable
        Given a name, the shape of the array and its size in bytes, raises an error if it is too large to be read.
    make_error : callable
        Given a reason, returns the error to raise if the file is damaged or not an NPZ file.

    Raises
    ------
    ReadError
        The file is missing or cannot be opened, or the error of `make_error` or `check_header`.
    """
    with open_regular(path) as file:
        if file.read(4) != b"PK\3\4":
            raise make_error("is not an NPZ file")
        try:
            with zipfile.ZipFile(file) as archive:
                members = {entry.removesuffix(".npy") for entry in archive.namelist()}
                return {name: _read_array(archive, name, check_header) for name in names if name in members}
        except _DAMAGE_ERRORS as error:
            raise make_error("is damaged or truncated") from error


def _read_array(
    archive: zipfile.ZipFile, name: str, check_header: Callable[[str, tuple[int, ...], int], None]
) -> NDArray[Any]:
    """Read one array; raise ValueError if its values do not match its header."""
    with archive.open(f"{name}.npy") as member:
        shape, is_fortran, dtype = read_array_header(member)
        n_bytes = math.prod(shape) * dtype.itemsize
        check_header(name, shape, n_bytes)
        values = member.read(n_bytes + 1)
    if len(values) != n_bytes:
        raise ValueError(name)
    return np.frombuffer(values, dtype).reshape(shape, order="F" if is_fortran else "C")


def read_array_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of an NPY file: the shape, whether the order is Fortran's, and the type of the values.

    Raises
    ------
    ValueError, SyntaxError, TypeError, TokenError
        The header is damaged, or the values are Python objects.
    """
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        header = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        header = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f"version {version} of the NPY format")
    if header[2].hasobject or min(header[0], default=0) < 0:
        raise ValueError(f"array of {header[2]} and shape {header[0]}")
    return header
