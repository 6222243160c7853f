"""Fixtures for tests of pictures that are read by windows."""

from __future__ import annotations

import pytest

from segmenter.io.rasters import reader as io_windows
from segmenter.workflows.windowed import passes as large_steps
from tests.support.windowed import map_jobs_here_shuffled


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Divide even small pictures into several windows, and run their jobs in this process."""
    monkeypatch.setattr(io_windows, "WINDOW_BYTES", 12_000)
    monkeypatch.setattr(io_windows, "MIN_TILE", 16)
    monkeypatch.setattr(io_windows, "USUAL_TILE", 32)
    monkeypatch.setattr(large_steps, "map_jobs", map_jobs_here_shuffled)
