"""What segmenting one photo gives, in either mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segmenter.io.images.photo import Photo
from segmenter.regions.config import Scale
from segmenter.segmentation.record import RunRecord
from segmenter.segmentation.result import Segmentation


@dataclass(frozen=True, eq=False)
class SegmentResult:
    """The segments of one photo and their record.

    If the photo was windowed, ``photo`` and the labels of ``segmentation`` are a preview, subsampled to at most 2048
    pixels on a side; the record and the segments describe the whole picture.
    """

    record: RunRecord  # the content of NAME.json
    segmentation: Segmentation
    photo: Photo
    removed: tuple[Path, ...] = ()  # files of an earlier run
    other_cuts: Mapping[Scale, Segmentation] = field(default_factory=dict)  # regions at the other scales, if asked for
