"""Saved models that cannot be used."""

from __future__ import annotations

from segmenter.errors.reading import ReadError


class ModelError(ReadError):
    """A file cannot be used as a model, or a model not on a photo."""


class NotAModelError(ModelError):
    """The file is whole, but no model of ours; ``reason`` says what it is."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}; give a NAME.model.json, as 'segmenter segment --save-model' writes it"


class DamagedModelError(ModelError):
    """The file begins like a model, but its content is not legal; ``reason`` says where."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: is a damaged model ({self.reason}); save it again with 'segmenter segment --save-model'"


class ModelVersionError(ModelError):
    """The model has a version of the format that is not read; ``version`` as it stands in the file."""

    version: str
    readable: int

    def __str__(self) -> str:
        return (
            f"{self.name}: is a model of version {self.version}, and version {self.readable} is read; "
            f"save it again with this segmenter, or update segmenter"
        )


class GrayModelError(ModelError):
    """A model of gray alone meets a photo with colors; ``name`` is the photo."""

    model: str

    def __str__(self) -> str:
        return (
            f"{self.name}: has colors, but {self.model} was fitted to grays and knows nothing of them; "
            f"turn the photo gray, or fit a model to a photo with colors"
        )
