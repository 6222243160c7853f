"""Label images: 1…K name the segments, 0 means no label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from segmenter.arrays import Labels
from segmenter.errors import NoMixtureError, NotFittedError
from segmenter.io.images.config import ValueRange
from segmenter.io.images.photo import WHOLE, Reading
from segmenter.mixture.em import Fit

if TYPE_CHECKING:
    from segmenter.mixture.em import FitTrace
    from segmenter.mixture.model import Mixture
    from segmenter.mixture.selection import Selection
    from segmenter.regions.hierarchy import ColoredHierarchy


@dataclass(frozen=True)
class Segment:
    """One segment: its size and its mean color."""

    label: int  # 1…K
    n_pixels: int
    share: float  # of the pixels that take part, 0 to 1
    mean_rgb: tuple[float, float, float]  # mean sRGB color of its pixels, 0 to 1; without pixels, that of its component

    @property
    def rgb8(self) -> tuple[int, int, int]:
        """The mean color in 8 bits a channel."""
        red, green, blue = (round(255 * min(max(value, 0.0), 1.0)) for value in self.mean_rgb)
        return red, green, blue

    @property
    def hex_color(self) -> str:
        """The mean color as #rrggbb."""
        return "#{:02x}{:02x}{:02x}".format(*self.rgb8)


@dataclass(frozen=True)
class Shortage:
    """Fewer segments than were asked for, as a picture has no more colors or superpixels."""

    n_asked: int
    n_found: int  # less than `n_asked`
    kind: Literal["color", "superpixel"]  # what there is no more of

    def __str__(self) -> str:
        noun = "segment" if self.kind == "color" else "region"
        plural = "" if self.n_found == 1 else "s"
        return f"{self.n_found} {self.kind}{plural}, so {self.n_found} {noun}{plural} instead of {self.n_asked}"


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A segmented photo."""

    labels: Labels  # (H, W), 1…K, dark segments first; 0 = no label
    segments: tuple[Segment, ...]  # K, in the order of their labels
    fitted_mixture: Mixture | None = None  # its component k is segment k; None where segments are regions
    channels: tuple[str, ...] = ()  # names of the D features of the mixture
    selection: Selection | None = None  # how K was chosen; None = it was given
    fit_trace: FitTrace | None = None  # None where a saved model was applied, or segments are regions
    options: Mapping[str, Any] = field(default_factory=dict)  # the options of the recipe, by name, as plain values
    hierarchy: ColoredHierarchy | None = None  # cut into these segments; None where they come from a mixture
    notes: tuple[str, ...] = ()  # what may surprise in how the photo was read, one short sentence each
    reading: Reading = WHOLE  # what the caller chose of the image
    value_range: ValueRange | None = None  # of the stored values of the photo; None = 8-bit values, taken as they are
    shortage: Shortage | None = None  # why there are fewer segments than were asked for; None = there are not

    @property
    def n_labels(self) -> int:
        """K."""
        return len(self.segments)

    @property
    def mixture(self) -> Mixture:
        """The mixture, whose component k is segment k; NoMixtureError where segments are regions."""
        if self.fitted_mixture is None:
            raise NoMixtureError
        return self.fitted_mixture

    @property
    def fit(self) -> Fit:
        """The mixture and how its fit went; errors as for `mixture` and `trace`."""
        return Fit(self.mixture, self.trace)

    @property
    def trace(self) -> FitTrace:
        """How the fit went; NotFittedError where a saved model was applied, NoMixtureError as for `mixture`."""
        if self.fitted_mixture is None:
            raise NoMixtureError
        if self.fit_trace is None:
            raise NotFittedError
        return self.fit_trace
