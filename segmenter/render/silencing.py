"""matplotlib kept quiet; this module does not import it."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silence_matplotlib() -> Iterator[None]:
    """Let matplotlib be imported and draw without a word, whatever MPLBACKEND or a matplotlibrc say.

    It complains of folders that it cannot write to and of settings that it does not know; no figure here depends on
    either. These settings belong to the whole process, so that only one thread at a time may be in here.
    """
    logger = logging.getLogger("matplotlib")
    level, backend = logger.level, os.environ.pop("MPLBACKEND", None)  # an unknown one breaks the import
    try:
        logger.setLevel(logging.CRITICAL + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
