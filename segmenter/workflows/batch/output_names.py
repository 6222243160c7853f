"""Names of outputs that cannot be mistaken for one another, told by rule before any work.

The outputs of ``photo.jpg`` are ``photo.labels.png`` and so on. Where these names are taken, by another photo (also on
file systems that take ``A`` for ``a``), by an input, or by a file of the batch itself, the extension stays:
``photo.jpg.labels.png``; where that is not enough, or the name would be too long, a digest of the path follows:
``photo.jpg-1f3a9c2e.labels.png``. A name depends on the names of the photos alone.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 255
"""Of a file name, on the file systems in use."""

STEM, FULL, DIGEST = range(3)
"""The forms of a name, from the shortest on."""


@dataclass(frozen=True)
class Entry:
    """One photo of a batch, and what its outputs are called."""

    source: str  # path
    folder: str  # of the outputs, relative to the output folder; "" = itself
    name: str  # the outputs are NAME.labels.png and so on


def name_outputs(photos: Sequence[tuple[str, str]], endings: Sequence[str], taken: Collection[str] = ()) -> list[Entry]:
    """Return a name for the outputs of each photo.

    Parameters
    ----------
    photos : sequence of (path, folder)
        The folder is where the outputs go, relative to the output folder.
    endings : sequence of str
        What follows a name, such as ``.labels.png``.
    taken : collection of str
        Paths relative to the output folder that no output may have.
    """
    refused = {_fold(path) for path in taken}
    inner = {
        longer.removesuffix(end) for longer in endings for end in endings if longer != end and longer.endswith(end)
    }
    room = MAX_BYTES - max(len(os.fsencode(ending)) for ending in endings)
    forms = [STEM if len(os.fsencode(_stem(path))) <= room else DIGEST for path, _ in photos]
    while True:
        keys = [
            _fold(_key(folder, _name(path, folder, form, room)))
            for (path, folder), form in zip(photos, forms, strict=True)
        ]
        places: dict[str, list[int]] = {}
        for place, key in enumerate(keys):
            places.setdefault(key, []).append(place)
        longer: set[int] = set()
        for key, alike in places.items():
            rivals = alike + [place for end in inner for place in places.get(key + end, ())]
            if refused and any(key + ending in refused for ending in endings):
                longer.update(alike)
            elif len(rivals) > 1:
                shortest = min(forms[place] for place in rivals)
                longer.update(place for place in rivals if forms[place] == shortest)  # the others may stay as they are
        longer = {place for place in longer if forms[place] < DIGEST}
        if not longer:
            return [
                Entry(path, folder, _name(path, folder, form, room))
                for (path, folder), form in zip(photos, forms, strict=True)
            ]
        for place in longer:
            full = len(os.fsencode(Path(photos[place][0]).name)) <= room
            forms[place] = FULL if forms[place] == STEM and full else DIGEST


def _stem(path: str) -> str:
    return Path(path).stem


def _key(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _fold(path: str) -> str:
    """Return a path as file systems see it that tell neither case nor composition of characters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _name(path: str, folder: str, form: int, room: int) -> str:
    file_name = Path(path).name
    if form == STEM:
        return _stem(path)
    if form == FULL:
        return file_name
    digest = hashlib.sha256(os.fsencode(_key(folder, file_name))).hexdigest()[:8]
    while len(os.fsencode(file_name)) > room - 9:
        file_name = file_name[:-1]
    return f"{file_name}-{digest}"
