"""What is written, whole or not at all; and label images back as arrays."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from segmenter.arrays import Bytes, Labels
from segmenter.errors import OutputExistsError, UnsupportedPhotoError, WriteError
from segmenter.io.decode import decoding, load, open_image
from segmenter.io.opening import open_regular

MAX_INDEX = 255
"""The largest label of an indexed PNG; more labels are written as 16-bit gray."""


def encode_labels(labels: Labels, colors: Bytes) -> bytes:
    """Return a label image as PNG.

    Up to 255 labels make an indexed PNG: the value of a pixel is its label, shown in the color of the label, and 0 is
    transparent. More make a 16-bit gray one.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32
        0…K.
    colors : ndarray of shape (min(K, 255), 3), uint8
        sRGB; row ``l - 1`` shows label ``l``. Not used beyond 255 labels.

    Returns
    -------
    bytes
    """
    height, width = labels.shape
    if labels.max(initial=0) > MAX_INDEX:
        return _png(Image.frombuffer("I;16", (width, height), labels.astype("<u2"), "raw", "I;16", 0, 1))
    image = Image.frombuffer("P", (width, height), labels.astype(np.uint8), "raw", "P", 0, 1)
    image.putpalette(bytes(3) + colors.tobytes())
    return _png(image, transparency=0 if labels.min(initial=1) == 0 else None)


def encode_segments(labels: Labels, colors: Bytes, label_image: bytes) -> bytes:
    """Return the segments, each in its color, as PNG; label 0 is transparent.

    An indexed label image holds the pixels already: only its palette is replaced.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int32
        0…K.
    colors : ndarray of shape (K, 3), uint8
        sRGB; row ``l - 1`` paints label ``l``.
    label_image : bytes
        The same labels, from `encode_labels`.

    Returns
    -------
    bytes
    """
    if labels.max(initial=0) > MAX_INDEX:
        opaque = np.concatenate([np.zeros((1, 4), np.uint8), np.insert(colors, 3, 255, axis=1)])
        n_channels = 4 if labels.min(initial=1) == 0 else 3
        return _png(Image.fromarray(opaque[labels, :n_channels]))
    start = label_image.index(b"PLTE")
    length = int.from_bytes(label_image[start - 4 : start])
    palette = (bytes(3) + colors.tobytes())[:length].ljust(length, bytes(1))
    checksum = zlib.crc32(b"PLTE" + palette).to_bytes(4)
    return label_image[: start + 4] + palette + checksum + label_image[start + length + 8 :]


def encode_gray(levels: Bytes) -> bytes:
    """Return a gray image (H, W), 0 = black, as PNG of 8 bits."""
    return _png(Image.fromarray(levels))


def _png(image: Image.Image, *, transparency: int | None = None) -> bytes:
    """Return an image as PNG; run-length coding is the smallest for labels, and much the fastest."""
    content = BytesIO()
    if transparency is not None:
        image.info["transparency"] = transparency
    image.save(content, "PNG", compress_type=zlib.Z_RLE)
    return content.getvalue()


def read_labels(path: str | Path) -> Labels:
    """Read a label image, as `segmenter segment` writes it.

    Parameters
    ----------
    path : str or Path
        An indexed or gray PNG of up to 16 bits.

    Returns
    -------
    ndarray of shape (H, W), int32
        1…K; 0 = no label.

    Raises
    ------
    ReadError
        There is no such file, it is damaged, or it is a picture of colors.
    """
    name = str(path)
    with open_regular(Path(path)) as file, decoding(name):
        image = open_image(file)
        if image.format != "PNG" or image.mode not in ("1", "L", "P", "I", "I;16"):
            raise UnsupportedPhotoError(name, "is not a label image; give an indexed or gray PNG (NAME.labels.png)")
        load(image)
        return np.asarray(image).astype(np.int32)


def write_files(files: Mapping[Path, bytes], *, overwrite: bool) -> None:
    """Write a set of files, each whole or not at all; on an error or an interrupt none of them is there half.

    All are written under temporary names in their folders first, so that a full disk changes nothing; where nothing is
    in their way they are renamed in the order given, and an interrupt waits for that. Missing folders are made.

    Parameters
    ----------
    files : mapping of Path to bytes
    overwrite : bool
        Replace files that exist.

    Raises
    ------
    OutputExistsError
        A file exists and may not be replaced.
    WriteError
        The system refuses: no permission, no space, a name too long, a folder in the place of a file.
    """
    staged: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            with _write_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary = path.with_name(f".segmenter-{os.urandom(8).hex()}.tmp")
                staged[path] = temporary
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
                with open(descriptor, "wb") as file:  # noqa: PTH123  # Path cannot open a descriptor
                    file.write(content)
        for path in staged:
            with _write_errors(path):
                if path.is_dir():
                    raise WriteError(str(path), "is a folder")
                if not overwrite and os.path.lexists(path):
                    raise OutputExistsError(str(path))
        with _interrupts_held():
            for path, temporary in list(staged.items()):
                with _write_errors(path):
                    temporary.replace(path)
                del staged[path]
    finally:
        for temporary in staged.values():
            with contextlib.suppress(OSError):
                temporary.unlink()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let Ctrl-C wait until the block ends.

    A signal mask would not do: any other thread, of BLAS for instance, would then receive the signal for this one.
    """
    if threading.current_thread() is not threading.main_thread():  # only the main thread is ever interrupted
        yield
        return
    received: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, frame: received.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if received:
            signal.raise_signal(signal.SIGINT)


@contextlib.contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    """Turn what the system says into an error that names the output, not the temporary file."""
    try:
        yield
    except OSError as error:
        raise WriteError(str(path), (error.strerror or str(error)).lower()) from error
