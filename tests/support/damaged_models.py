"""Every way to damage a saved model, with what the error says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def change(*path: Any, to: Any) -> Callable[[Any], None]:
    """Return a function that sets one value of a document."""

    def apply(content: Any) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = to

    return apply


def remove(*path: Any) -> Callable[[Any], None]:
    """Return a function that takes one value out of a document."""

    def apply(content: Any) -> None:
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return apply


NAN, INFINITY = float("nan"), float("inf")


DAMAGE: dict[str, tuple[Callable[[Any], None], str]] = {
    "no version": (remove("version"), "missing required field `version`"),
    "version as text": (change("version", to="1"), "version: expected `int`, got `str`"),
    "version as truth": (change("version", to=True), "version: expected `int`, got `bool`"),
    "version as float": (change("version", to=1.0), "version: expected `int`, got `float`"),
    "no mixture": (remove("mixture"), "missing required field `mixture`"),
    "unknown key": (change("extra", to=1), 'unknown key "extra"'),
    "software as number": (change("software", to=3), "software: expected `str`, got `int`"),
    "recipe as list": (change("recipe", to=[]), "recipe: expected `object`, got `array`"),
    "no option": (remove("recipe", "seed"), "seed is missing"),
    "unknown option": (change("recipe", "speed", to=1), "speed is no option"),
    "option out of range": (change("recipe", "tolerance", to=-1.0), "tolerance is -1.0"),
    "option as truth": (change("recipe", "tolerance", to=True), "tolerance is True"),
    "option as list": (change("recipe", "color_space", to=[]), "color_space is []"),
    "option too large": (change("recipe", "tolerance", to=10**400), "hundreds of digits"),
    "features as text": (change("features", to="red"), "features: expected `array`, got `str`"),
    "a feature as number": (change("features", 0, to=1), "features[0]: expected `str`, got `int`"),
    "features of another space": (change("features", to=["L*", "a*", "b*"]), "not those of rgb"),
    "too few features": (change("features", to=["red", "green"]), "means has 3 entries where 2 belong"),
    "weights as number": (change("mixture", "weights", to=1), "mixture.weights: expected `array`, got `int`"),
    "a weight as text": (change("mixture", "weights", 0, to="0.5"), "mixture.weights[0]: expected `float`, got `str`"),
    "a weight as truth": (change("mixture", "weights", 0, to=True), "mixture.weights[0]: expected `float`, got `bool`"),
    "a weight of null": (change("mixture", "weights", 0, to=None), "mixture.weights[0]: expected `float`, got `null`"),
    "no weights": (change("mixture", "weights", to=[]), "means has 2 entries where 0 belong"),
    "no components": (
        lambda content: content["mixture"].update(weights=[], means=[], covariances=[]),
        "weights are empty",
    ),
    "weights that sum to less": (change("mixture", "weights", to=[0.5, 0.4]), "sum to 0.9"),
    "a weight of 0": (change("mixture", "weights", to=[1.0, 0.0]), "not all positive"),
    "a negative weight": (change("mixture", "weights", to=[1.5, -0.5]), "not all positive"),
    "negative noise": (change("mixture", "noise_weight", to=-0.1), "weights are not all positive"),
    "noise without a box": (change("mixture", "noise_weight", to=1e-12), "noise_sides are missing"),
    "flat box": (change("mixture", "noise_sides", to=[1.0, 0.0, 1.0]), "noise_sides are not all positive"),
    "noise beyond 1": (change("mixture", "noise_weight", to=0.1), "sum to 1.1"),
    "NaN": (change("mixture", "means", 0, 0, to=NAN), "NaN is no number"),
    "infinite": (change("mixture", "means", 0, 0, to=INFINITY), "Infinity is no number"),
    "an integer beyond floats": (change("mixture", "means", 0, 0, to=10**400), "means[0][0]: number out of range"),
    "a mean too many": (lambda content: content["mixture"]["means"].append([0, 0, 0]), "means has 3 entries"),
    "a short mean": (change("mixture", "means", 1, to=[0.5]), "means has 1 entries where 3 belong"),
    "flat covariances": (change("mixture", "covariances", to=[1, 1]), "covariances[0]: expected `array`, got `int`"),
    "not positive definite": (change("mixture", "covariances", 0, 0, 0, to=-1.0), "positive definite"),
    "singular": (change("mixture", "covariances", 0, to=[[1, 1, 0], [1, 1, 0], [0, 0, 1]]), "positive definite"),
    "not symmetric": (change("mixture", "covariances", 0, to=[[1, 0.5, 0], [0, 1, 0], [0, 0, 1]]), "symmetric"),
    "too narrow": (
        change("mixture", "covariances", 0, to=[[1e-320, 0, 0], [0, 1, 0], [0, 0, 1]]),
        "too far from 1 to compute with",
    ),
    "too far": (change("mixture", "means", 0, 0, to=1e300), "too far from 1 to compute with"),
    "unknown family": (change("mixture", "covariance_type", to="round"), "covariance_type is 'round'"),
    "a segment too few": (remove("segments", 1), "label names are 1, for 2 segments"),
    "segments as object": (change("segments", to={}), "segments: expected `array`, got `object`"),
    "no name": (remove("segments", 1, "name"), "segments[1]: object missing required field `name`"),
    "an unknown key of a segment": (change("segments", 1, "size", to=1), 'unknown key "size"'),
    "an unknown key of control characters": (change("mixture", "\x1b", to=1), r'unknown key "\u001b"'),
    "a segment as list": (change("segments", 0, to=[]), "segments[0]: expected `object`, got `array`"),
    "a wrong label": (change("segments", 0, "label", to=2), "segments[0].label is 2, not 1"),
    "a label as truth": (change("segments", 0, "label", to=True), "segments[0].label: expected `int`, got `bool`"),
    "a name as number": (change("segments", 0, "name", to=7), "segments[0].name: expected `str`, got `int`"),
    "an empty name": (change("segments", 0, "name", to=""), "'' is empty or cannot be printed"),
    "a name of control characters": (change("segments", 0, "name", to="\x1b[31m"), "cannot be printed"),
    "two channels": (change("segments", 0, "rgb", to=[0, 0]), "segments[0].rgb: expected `array` of length 3, got 2"),
    "a color beyond 1": (change("segments", 0, "rgb", to=[0, 0, 255]), "not all from 0 to 1"),
}
