"""Calls from Python whose results are digested: a function for each group of public names.

The current folder holds the inputs in a folder "in", see `inputs`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import segmenter

Plot: TypeAlias = Literal["contours", "cutouts", "likelihood", "colors", "confidence", "palette"]
PLOTS: tuple[Plot, ...] = get_args(Plot)

Results: TypeAlias = dict[str, Any]
"""What calls return, by the name of the file that holds it: arrays, bytes, or whatever has a repr that tells all."""


def public_names() -> Results:
    """Return the public names."""
    return {"names": dir(segmenter)}


def segmented_photos() -> Results:
    """Segment a path, a Pillow image and arrays, by each method."""
    results: Results = {}
    with Image.open("in/coffee.png") as image:
        image.load()
    array = np.asarray(image)
    calls: dict[str, segmenter.Segmentation] = {
        "path": segmenter.segment("in/coffee.png"),
        "image": segmenter.segment(image, n_segments=3, color_space="lab"),
        "array": segmenter.segment(array, 3, method="k-means", seed=2),
        "deep": segmenter.segment(array.astype(np.uint16) * 257, 2, covariance_type="diag", restarts=2),
        "float": segmenter.segment(array / 255, 2, init="random", acceleration=False, max_iterations=20),
        "gray": segmenter.segment(array[..., 0], "auto", method="hard-em"),
        "regions": segmenter.segment(array, method="regions", scale="fine", merge_cost="heuristic", n_superpixels=200),
    }
    for name, found in calls.items():
        results |= results_of(name, found)
    return results


def results_of(name: str, found: segmenter.Segmentation) -> Results:
    """Return what is known of a segmented photo."""
    results = {
        f"{name}-labels": found.labels,
        f"{name}-segments": [(s.label, s.n_pixels, s.share, s.mean_rgb, s.hex_color) for s in found.segments],
    }
    if found.fitted_mixture is not None:
        results |= mixture_results(name, found.mixture)
    if found.fit_trace is not None:
        results[f"{name}-log-likelihoods"] = found.trace.log_likelihoods
    return results


def mixture_results(name: str, mixture: segmenter.Mixture) -> Results:
    """Return the parameters of a mixture."""
    return {
        f"{name}-weights": mixture.weights,
        f"{name}-means": mixture.means,
        f"{name}-covariances": mixture.covariances,
    }


def saved_model() -> Results:
    """Save a model, load it, and apply it to another photo."""
    found = segmenter.segment("in/coffee.png", 3)
    segmenter.save_model(found, "three.model.json", label_names=["dark", "middle", "bright"])
    model = segmenter.load_model("three.model.json")
    applied = segmenter.apply(model, "in/chelsea.png")
    again = segmenter.apply("three.model.json", "in/camera.png")
    return results_of("color", applied) | results_of("gray", again) | {"label-names": model.label_names}


def cut_regions() -> Results:
    """Cut regions again by number and scale."""
    found = segmenter.segment("in/coffee.png", method="regions")
    return (
        results_of("five", segmenter.cut(found, 5))
        | results_of("coarse", segmenter.cut(found, scale="coarse"))
        | results_of("height", segmenter.cut(found, scale=0.2))
    )


def maps_and_plots() -> Results:
    """Return the posterior map, the confidence map, and each plot of a segmented photo."""
    found = segmenter.segment("in/small.png", 3)
    results: Results = {
        "posterior-map": segmenter.posterior_map("in/small.png", found),
        "confidence-map": segmenter.confidence_map("in/small.png", found),
    }
    for plot in PLOTS:
        figure = segmenter.draw_plot("in/small.png", found, plot, names=["a", "b", "c"], name="Cup", dpi=80)
        content = io.BytesIO()
        figure.savefig(content, format="png")
        results[f"{plot}.png"] = content.getvalue()
    return results


def evaluated_labels() -> Results:
    """Compare label images as paths and as arrays."""
    labels = segmenter.read_labels("in/ours/one.png")
    people = [segmenter.read_labels(f"in/{place}/one.png") for place in ("truth", "other")]
    return {
        "labels": labels,
        "paths": segmenter.evaluate("in/ours/two.png", "in/truth/two.png"),
        "arrays": segmenter.evaluate(labels, people),
        "without-boundaries": segmenter.evaluate(labels, people, boundaries=False),
    }


def points_and_classes() -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return three clusters of points, (300, 2), and the class of each, 1 to 3."""
    generator = np.random.default_rng(1)
    classes = generator.integers(1, 4, 300)
    centers = np.array([[0, 0], [0, 0], [4, 1], [2, 5]])
    return centers[classes] + generator.normal(size=(300, 2)) @ [[1, 0.4], [0, 0.7]], classes


def with_gaps(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the points with every seventh value missing."""
    values = points.copy()
    values.flat[::7] = np.nan
    return values


def fitted_points() -> Results:
    """Fit points by each family and method, and take what is known of the fit."""
    points, _ = points_and_classes()
    samples = segmenter.Samples(points, np.linspace(0.5, 2, len(points)))
    configs = {
        "full": segmenter.FitConfig(n_components=3),
        "tied": segmenter.FitConfig(n_components=3, covariance_type="tied", init="random", seed=5),
        "diag": segmenter.FitConfig(n_components=3, covariance_type="diag", acceleration=True),
        "spherical": segmenter.FitConfig(n_components=3, covariance_type="spherical", tolerance=1e-8),
        "hard-em": segmenter.FitConfig(n_components=3, method="hard-em"),
        "k-means": segmenter.FitConfig(n_components=3, method="k-means"),
        "noise": segmenter.FitConfig(n_components=3, noise=True),
    }
    results: Results = {}
    for name, config in configs.items():
        found = segmenter.fit(samples, config)
        results |= mixture_results(name, found.mixture)
        results[f"{name}-objectives"] = found.trace.objectives
        results[f"{name}-trace"] = (found.trace.stop, found.trace.verdict)
        results[f"{name}-labels"] = segmenter.predict(found.mixture, points)
        results[f"{name}-responsibilities"] = segmenter.responsibilities(found.mixture, points)
    found = segmenter.fit(samples, configs["full"])
    total = float(samples.weights.sum())
    values, components = segmenter.sample(found.mixture, 50, np.random.default_rng(0))
    return results | {
        "bic": segmenter.bic(found, total),
        "aic": segmenter.aic(found, total),
        "icl": segmenter.icl(found, samples),
        "confidence": segmenter.confidence(found.mixture, points),
        "log-densities": segmenter.score_samples(found.mixture, points),
        "sampled-values": values,
        "sampled-components": components,
    }


def fitted_with_gaps() -> Results:
    """Fit points with missing values, and fill these in."""
    values = with_gaps(points_and_classes()[0])
    found = segmenter.fit(segmenter.Samples(values), segmenter.FitConfig(n_components=3))
    return {
        **mixture_results("gaps", found.mixture),
        "labels": segmenter.predict(found.mixture, values),
        "imputed": segmenter.impute(found.mixture, values),
    }


def fitted_with_prior() -> Results:
    """Fit points with a prior on the mixture, and with log priors on the components of each point."""
    points, classes = points_and_classes()
    samples, config = segmenter.Samples(points), segmenter.FitConfig(n_components=3)
    prior = segmenter.NormalInverseWishart(mean=np.zeros(2), mean_weight=1.0, scale=np.eye(2), degrees=4.0)
    clamped = segmenter.clamp(np.where(np.arange(len(points)) < 20, classes, 0), [1, 2, 3])
    soft = segmenter.soft(np.eye(3)[classes - 1] + 0.5)
    start = segmenter.fit(samples, config).mixture
    return {
        **mixture_results("prior", segmenter.fit(samples, config, prior=prior).mixture),
        **mixture_results("clamp", segmenter.fit(samples, config, start, log_prior=clamped).mixture),
        **mixture_results("soft", segmenter.fit(samples, config, start, log_prior=soft).mixture),
        **mixture_results(
            "combine", segmenter.fit(samples, config, start, log_prior=segmenter.combine(clamped, soft)).mixture
        ),
    }


def fitted_classes() -> Results:
    """Fit points of which some are labeled."""
    points, classes = points_and_classes()
    labels = np.where(np.arange(len(points)) < 60, classes, 0)
    config = segmenter.FitConfig(n_components=3)
    start, start_classes = segmenter.learned_start(points, labels, config)
    learned = segmenter.fit_learned(points, labels, config)
    clamped = segmenter.fit_clamped(points, labels, config, labeled_weight=3.0, components_per_class=2)
    gaps = segmenter.fit_clamped(with_gaps(points), labels, config)
    return {
        **mixture_results("start", start),
        **mixture_results("learned", learned.fit.mixture),
        **mixture_results("clamped", clamped.fit.mixture),
        **mixture_results("gaps", gaps.fit.mixture),
        "start-classes": start_classes,
        "learned-classes": learned.component_classes,
        "clamped-classes": clamped.component_classes,
    }


def selected_number() -> Results:
    """Return all criteria of one to five components, and what each rule chooses."""
    points, _ = points_and_classes()
    table = segmenter.selection_table(segmenter.Samples(points), segmenter.FitConfig(), 5)
    return {
        "criteria": np.stack([table.log_likelihood, table.bic, table.aic, table.icl, table.held_out]),
        "chosen": [segmenter.choose(table, rule) for rule in ("bic", "aic", "icl", "held-out")],
    }


def estimated() -> Results:
    """Fit points with the estimator for scikit-learn, without labels, with some, and with weights and gaps."""
    from segmenter.estimators import GaussianMixture

    points, classes = points_and_classes()
    labels = np.where(np.arange(len(points)) < 60, classes - 1, -1)
    plain = GaussianMixture(3, random_state=0, n_init=2).fit(points)
    labeled = GaussianMixture(3, covariance_type="tied", random_state=0).fit(points, labels)
    weighted = GaussianMixture(2, covariance_type="diag", random_state=0).fit(
        with_gaps(points), sample_weight=np.linspace(0, 2, len(points))
    )
    results: Results = {}
    for name, model in {"plain": plain, "labeled": labeled, "weighted": weighted}.items():
        results |= {
            f"{name}-weights": model.weights_,
            f"{name}-means": model.means_,
            f"{name}-covariances": model.covariances_,
            f"{name}-precisions": model.precisions_,
            f"{name}-lower-bounds": model.lower_bounds_,
            f"{name}-labels": model.predict(points),
            f"{name}-probabilities": model.predict_proba(points),
            f"{name}-score": (model.score(points), model.bic(points), model.n_iter_, model.converged_),
        }
    return results


def refused_calls() -> Results:
    """Return the messages of calls that are refused."""
    points, classes = points_and_classes()
    calls: dict[str, Callable[[], object]] = {
        "missing-photo": lambda: segmenter.segment("in/absent.png"),
        "too-few-colors": lambda: segmenter.segment("in/two-colors.png", 5),
        "shape": lambda: segmenter.segment(np.zeros((4, 4, 7))),
        "number": lambda: segmenter.segment("in/small.png", 0),
        "no-mixture": lambda: segmenter.segment("in/small.png", method="regions").mixture,
        "config": lambda: segmenter.FitConfig(tolerance=-1.0),
        "samples": lambda: segmenter.Samples(points[:, 0]),
        "labels": lambda: segmenter.fit_learned(points, 0 * classes, segmenter.FitConfig()),
        "model": lambda: segmenter.load_model("in/small.png"),
        "sizes": lambda: segmenter.evaluate(np.ones((3, 4), int), np.ones((4, 3), int)),
    }
    return {name: message_of(call) for name, call in calls.items()}


def message_of(call: Callable[[], object]) -> str:
    """Return the message of the error that a call raises, or that there was none."""
    try:
        call()
    except segmenter.SegmenterError as error:
        return str(error)
    return "no error"


CALLS: dict[str, Callable[[], Results]] = {
    "python-names": public_names,
    "python-segment": segmented_photos,
    "python-model": saved_model,
    "python-cut": cut_regions,
    "python-maps-and-plots": maps_and_plots,
    "python-evaluate": evaluated_labels,
    "python-fit": fitted_points,
    "python-fit-gaps": fitted_with_gaps,
    "python-fit-prior": fitted_with_prior,
    "python-fit-classes": fitted_classes,
    "python-selection": selected_number,
    **({"python-estimator": estimated} if find_spec("sklearn") else {}),
    "python-errors": refused_calls,
}
