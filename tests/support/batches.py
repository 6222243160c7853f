"""What tests of the batch share."""

from __future__ import annotations

import json
from pathlib import Path

LABELS_ONLY = "--no-figure"


def read_statuses(folder: Path) -> dict[str, str]:
    """Return the status of each photo in the summary of a batch, by file name."""
    photos = json.loads((folder / "summary.json").read_text())["photos"]
    return {Path(photo["source"]).name: photo["status"] for photo in photos}
