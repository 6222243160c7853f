"""Where the repository and its photos are."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
COFFEE = ROOT / "images" / "coffee.png"
CHELSEA = ROOT / "images" / "chelsea.png"
