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
    "no version": (remove("version"), "version of the model is missing"),
    "version as text": (change("version", to="1"), 'version is "1"'),
    "version as truth": (change("version", to=True), "version is true"),
    "version as float": (change("version", to=1.0), "version is 1.0"),
    "no mixture": (remove("mixture"), "mixture of the model is missing"),
    "unknown key": (change("extra", to=1), '"extra" of the model is unknown'),
    "software as number": (change("software", to=3), "software is no text"),
    "recipe as list": (change("recipe", to=[]), "recipe is no object"),
    "no option": (remove("recipe", "seed"), "seed is missing"),
    "unknown option": (change("recipe", "speed", to=1), "speed is no option"),
    "option out of range": (change("recipe", "tolerance", to=-1.0), "tolerance is -1.0"),
    "option as truth": (change("recipe", "tolerance", to=True), "tolerance is True"),
    "option as list": (change("recipe", "color_space", to=[]), "color_space is []"),
    "option too large": (change("recipe", "tolerance", to=10**400), "hundreds of digits"),
    "features as text": (change("features", to="red"), "features is no list"),
    "a feature as number": (change("features", 0, to=1), "a feature is no text"),
    "features of another space": (change("features", to=["L*", "a*", "b*"]), "not those of rgb"),
    "too few features": (change("features", to=["red", "green"]), "means has 3 entries where 2 belong"),
    "weights as number": (change("mixture", "weights", to=1), "weights is no list"),
    "a weight as text": (change("mixture", "weights", 0, to="0.5"), 'weights holds "0.5", which is no number'),
    "a weight as truth": (change("mixture", "weights", 0, to=True), "weights holds true"),
    "a weight of null": (change("mixture", "weights", 0, to=None), "weights holds null"),
    "no weights": (change("mixture", "weights", to=[]), "means has 2 entries where 0 belong"),
    "no components": (
        lambda content: content["mixture"].update(weights=[], means=[], covariances=[]),
        "weights are 0",
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
    "an integer beyond floats": (change("mixture", "means", 0, 0, to=10**400), "too large"),
    "a mean too many": (lambda content: content["mixture"]["means"].append([0, 0, 0]), "means has 3 entries"),
    "a short mean": (change("mixture", "means", 1, to=[0.5]), "means has 1 entries where 3 belong"),
    "flat covariances": (change("mixture", "covariances", to=[1, 1]), "covariances is no list"),
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
    "segments as object": (change("segments", to={}), "segments is no list"),
    "a segment as list": (change("segments", 0, to=[]), "segment 1 is no object"),
    "a wrong label": (change("segments", 0, "label", to=2), "the label of segment 1 is 2"),
    "a label as truth": (change("segments", 0, "label", to=True), "the label of segment 1 is true"),
    "a name as number": (change("segments", 0, "name", to=7), "the name of segment 1 is no text"),
    "an empty name": (change("segments", 0, "name", to=""), "'' is empty or cannot be printed"),
    "a name of control characters": (change("segments", 0, "name", to="\x1b[31m"), "cannot be printed"),
    "two channels": (change("segments", 0, "rgb", to=[0, 0]), "rgb of segment 1 has 2 entries where 3 belong"),
    "a color beyond 1": (change("segments", 0, "rgb", to=[0, 0, 255]), "not all from 0 to 1"),
}
