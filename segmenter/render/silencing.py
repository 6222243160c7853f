"""Silence matplotlib's warnings; this module does not import matplotlib."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silence_matplotlib() -> Iterator[None]:
    """Suppress matplotlib's log messages and warnings, and ignore MPLBACKEND, while the block imports and uses it.

    Matplotlib complains about folders it cannot write to and settings it does not know; no figure here depends on
    either. The changes apply to the whole process, so only one thread at a time may use this context.
    """
    logger = logging.getLogger("matplotlib")
    level, backend = logger.level, os.environ.pop("MPLBACKEND", None)  # an unknown backend breaks the import
    try:
        logger.setLevel(logging.CRITICAL + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
