"""Pictures of bands: those that are neither gray (one band) nor colors (three)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segmenter.arrays import Pixels
from segmenter.errors import InvalidArgumentError
from segmenter.io.images.photo import Photo
from segmenter.segmentation.recipe import PhotoRecipe, Recipe, RegionsRecipe

if TYPE_CHECKING:
    from segmenter.features.principal_colors import BandReduction

COLOR_BANDS = (1, 3)
"""Numbers of bands that are gray or colors."""


def check_bands(n_bands: int, recipe: PhotoRecipe, label: str) -> None:
    """Raise InvalidArgumentError if a recipe compares colors, and a picture, called ``label`` in messages, has none."""
    if n_bands not in COLOR_BANDS and isinstance(recipe, Recipe) and recipe.color_space != Recipe.color_space:
        problem = f"{recipe.color_space} cannot be computed from {n_bands} bands; choose three of them with --bands"
        raise InvalidArgumentError(f"{label}: color space", problem)


def needs_colors(n_bands: int, recipe: PhotoRecipe) -> bool:
    """Return whether a recipe needs bands reduced to colors: to find regions, or to choose the number of segments."""
    return n_bands not in COLOR_BANDS and (isinstance(recipe, RegionsRecipe) or recipe.n_segments == "auto")


def reduce_to_colors(photo: Photo) -> tuple[Pixels, BandReduction | None]:
    """Return the pixels of a photo (H, W, 1 or 3), with bands reduced to colors, and how; None = they are colors."""
    if photo.pixels.shape[2] in COLOR_BANDS:
        return photo.pixels, None
    from segmenter.features.principal_colors import find_principal_colors, sum_moments  # late: few pictures need it

    reduction = find_principal_colors(sum_moments(photo.pixels, photo.mask))
    return reduction.to_rgb(photo.pixels), reduction


def describe_components(reduction: BandReduction | None, found: str) -> tuple[str, ...]:
    """Return a note on what was found, such as "regions", in the colors that bands were reduced to, if they were."""
    if reduction is None:
        return ()
    components = f"{min(3, reduction.n_bands)} principal components of {reduction.n_bands} bands"
    return (f"{found} found in {components}, with {100 * reduction.share:.1f} % of their variance",)
