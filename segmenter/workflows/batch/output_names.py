"""Names of the outputs of a batch, chosen before any work so that no output can overwrite another.

The outputs of ``photo.jpg`` are called ``photo.labels.png`` and so on. If another photo would have the same names (on
some file systems ``A`` and ``a`` are the same), or if one of them is the name of an input or of a file of the batch
itself, the extension is kept: ``photo.jpg.labels.png``. If that clashes as well, or is too long, a digest of its
folder and name is added: ``photo.jpg-1f3a9c2e.labels.png``. The names depend on the names of the photos only, not on
their order.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

MAX_FILE_NAME_BYTES = 255
"""Limit of the common file systems."""

DIGEST_DIGITS = 8


class NameForm(IntEnum):
    """How the outputs of a photo are named after it, from the shortest name to the longest."""

    STEM = 0  # photo
    FILE_NAME = 1  # photo.jpg
    DIGEST = 2  # photo.jpg-1f3a9c2e


@dataclass(frozen=True)
class Entry:
    """One photo of a batch, and the name of its outputs."""

    source: str  # path
    folder: str  # of the outputs, relative to the output folder; "" = the output folder itself
    name: str  # the outputs are called NAME.labels.png and so on


def name_outputs(photos: Sequence[tuple[str, str]], endings: Sequence[str], taken: Collection[str] = ()) -> list[Entry]:
    """Return a name for the outputs of each photo.

    All photos begin with the shortest form of their name. In each round those whose names clash take the next longer
    form, until only names with a digest could clash: those have no longer form, and 8 digits are unlikely to be equal.

    Parameters
    ----------
    photos : sequence of (path, folder)
        The folder is where the outputs go, relative to the output folder.
    endings : sequence of str
        What follows a name, such as ``.labels.png``.
    taken : collection of str
        Paths relative to the output folder that no output may have.
    """
    max_bytes = MAX_FILE_NAME_BYTES - max(len(os.fsencode(ending)) for ending in endings)
    forms = [choose_shortest_form(path, max_bytes) for path, _ in photos]
    folded_taken = {fold_path(path) for path in taken}
    while True:
        names = [build_name(path, folder, form, max_bytes) for (path, folder), form in zip(photos, forms, strict=True)]
        keys = [fold_path(join_path(folder, name)) for (_, folder), name in zip(photos, names, strict=True)]
        clashing = find_clashes(keys, forms, endings, folded_taken)
        to_lengthen = [index for index in clashing if forms[index] < NameForm.DIGEST]
        if not to_lengthen:
            return [Entry(path, folder, name) for (path, folder), name in zip(photos, names, strict=True)]
        for index in to_lengthen:
            forms[index] = choose_longer_form(forms[index], photos[index][0], max_bytes)


def find_clashes(
    keys: Sequence[str], forms: Sequence[NameForm], endings: Sequence[str], taken: Collection[str]
) -> set[int]:
    """Return the indices of the photos that need a longer name.

    Photos clash if they have the same name. They also clash if the name of one is that of the other plus the first part
    of an ending: photo ``a`` with the ending ``.model.json`` and photo ``a.model`` with ``.json`` would both write
    ``a.model.json``. Of photos that clash with each other, only those of the shortest form need a longer name; the
    others may keep theirs. A photo that would write a path that is taken always needs one.

    Parameters
    ----------
    keys : sequence of str
        Output folder and name of each photo, folded.
    forms : sequence of NameForm
        Of each name.
    endings : sequence of str
    taken : collection of str
        Paths that no output may have, folded.
    """
    photos_of = group_indices(keys)
    infixes = find_infixes(endings)
    found: set[int] = set()
    for key, same_name in photos_of.items():
        if any(key + ending in taken for ending in endings):
            found.update(same_name)
            continue
        rivals = [*same_name, *(index for infix in infixes for index in photos_of.get(key + infix, ()))]
        if len(rivals) > 1:
            shortest = min(forms[index] for index in rivals)
            found.update(index for index in rivals if forms[index] == shortest)
    return found


def group_indices(keys: Sequence[str]) -> dict[str, list[int]]:
    """Return the indices at which each key occurs."""
    indices: dict[str, list[int]] = {}
    for index, key in enumerate(keys):
        indices.setdefault(key, []).append(index)
    return indices


def find_infixes(endings: Sequence[str]) -> set[str]:
    """Return the first part of each ending that ends in another one: ``.model`` of ``.model.json`` and ``.json``."""
    return {
        longer.removesuffix(shorter)
        for longer in endings
        for shorter in endings
        if longer != shorter and longer.endswith(shorter)
    }


def choose_shortest_form(path: str, max_bytes: int) -> NameForm:
    """Return the form that a name begins with: the stem, unless that is too long already."""
    return NameForm.STEM if len(os.fsencode(Path(path).stem)) <= max_bytes else NameForm.DIGEST


def choose_longer_form(form: NameForm, path: str, max_bytes: int) -> NameForm:
    """Return the next longer form of a name, without forms that are too long; a digest shortens what it follows."""
    file_name_fits = form == NameForm.STEM and len(os.fsencode(Path(path).name)) <= max_bytes
    return NameForm.FILE_NAME if file_name_fits else NameForm.DIGEST


def build_name(path: str, folder: str, form: NameForm, max_bytes: int) -> str:
    """Return the name of the outputs of a photo in one of its forms, of at most so many bytes with a digest."""
    if form == NameForm.STEM:
        return Path(path).stem
    file_name = Path(path).name
    if form == NameForm.FILE_NAME:
        return file_name
    digest = hashlib.sha256(os.fsencode(join_path(folder, file_name))).hexdigest()[:DIGEST_DIGITS]
    while len(os.fsencode(file_name)) > max_bytes - len(f"-{digest}"):
        file_name = file_name[:-1]
    return f"{file_name}-{digest}"


def join_path(folder: str, name: str) -> str:
    """Return the path of a name relative to the output folder."""
    return f"{folder}/{name}" if folder else name


def fold_path(path: str) -> str:
    """Return a key that is equal for paths which some file systems take for the same, by case or composition."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
