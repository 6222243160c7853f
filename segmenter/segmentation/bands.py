"""Pictures of bands: those that are neither gray (one band) nor colors (three)."""

from __future__ import annotations

from segmenter.errors import InvalidArgumentError
from segmenter.segmentation.recipe import PhotoRecipe, Recipe, RegionsRecipe

COLOR_BANDS = (1, 3)
"""Numbers of bands that are gray or colors."""


def check_bands(n_bands: int, recipe: PhotoRecipe, label: str) -> None:
    """Raise InvalidArgumentError if a recipe needs colors, and a picture, which messages call ``label``, has none."""
    if n_bands in COLOR_BANDS:
        return
    advice = f"{n_bands} bands; choose three of them with --bands"
    if isinstance(recipe, RegionsRecipe):
        raise InvalidArgumentError(f"{label}: regions", f"cannot be found in {advice}")
    if recipe.color_space != Recipe.color_space:
        raise InvalidArgumentError(f"{label}: color space", f"{recipe.color_space} cannot be computed from {advice}")
    if recipe.n_segments == "auto":
        raise InvalidArgumentError(f"{label}: the number of segments", f"cannot be chosen automatically for {advice}")
