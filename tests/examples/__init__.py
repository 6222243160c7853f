"""Worked examples; run one with, for instance, ``python -m tests.examples.coins``."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

FOLDER = Path("outputs/examples")


def save_figure(figure: Figure, name: str, folder: Path) -> None:
    """Write a figure as PNG, and print its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    figure.savefig(path, metadata={"Software": "segmenter"})
    print(f"-> {path}")
