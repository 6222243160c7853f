"""Figures against those of Berkeley's benchmark, and time against the measures of scikit-learn and scikit-image."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from statistics import median

import numpy as np
from scipy.spatial import cKDTree
from skimage.metrics import variation_of_information
from sklearn.metrics import adjusted_rand_score, rand_score

from segmenter.arrays import Labels
from segmenter.io.labels.annotations import read_label_file
from segmenter.metrics.partitions import PhotoScore, score_photo
from segmenter.workflows.evaluate.pairing import pair_up
from segmenter.workflows.evaluate.run import evaluate_pairs
from segmenter.workflows.evaluate.scores import EvaluationConfig, summarize_measures

from .photos import BSDS
from .report import installed, spread, verdict

OFFICIAL = BSDS.parents[1] / "bench"
TRUTH = BSDS.parents[1] / "groundTruth" / "val"
N_PHOTOS, N_PEOPLE, N_IMAGES, PEER_STEP = 100, 5, 10, 20


def official_figures(test: str, kind: str) -> list[float]:
    """Return the numbers of a summary file of the benchmark."""
    return [float(text) for text in (OFFICIAL / test / f"eval_{kind}.txt").read_text().split()]


def digits(value: float) -> str:
    """Return a figure as the benchmark prints it: with six digits."""
    return f"{value:.6g}"


def rounded(score: PhotoScore) -> PhotoScore:
    """Return a score with its sums of pixels at six digits: the benchmark adds up what it has printed before."""
    covered = np.array([float(digits(value)) for value in score.covered])
    return replace(score, covered=covered, best_covered=float(digits(score.best_covered)))


def agreement(folder: str, test: str) -> bool:
    """Print how the figures of a folder of hierarchies compare with the official ones."""
    pairing = pair_up(OFFICIAL / folder, [OFFICIAL / "groundTruth"])
    photos = evaluate_pairs(pairing, EvaluationConfig(n_scales=5))
    summary, sums = (
        summarize_measures(photos),
        summarize_measures([replace(photo, score=rounded(photo.score)) for photo in photos]),
    )
    ods, ois = summary["ods"], summary["ois"]
    _, *covering = official_figures(test, "cover")
    _, rand_ods, rand_ois, _, variation_ods, variation_ois = official_figures(test, "RI_VOI")
    printed = [*covering, rand_ods, rand_ois, variation_ods, variation_ois]
    ours = [sums["ods"]["covering"], sums["ois"]["covering"], sums["best_covering"]]
    ours += [ods["rand_index"], ois["rand_index"]]
    ours += [ods["variation_of_information"], ois["variation_of_information"]]
    n_equal = sum(digits(a) == digits(b) for a, b in zip(ours, printed, strict=True))
    passed = verdict(
        f"{folder}: covering, PRI and VOI as printed", f"{n_equal} of {len(printed)}", "all", n_equal == len(printed)
    )
    _, recall, precision, f_ods, recall_ois, precision_ois, f_ois, area = official_figures(test, "bdry")
    off = {
        "F at ODS": ods["boundary_f"] - f_ods,
        "F at OIS": ois["boundary_f"] - f_ois,
        "precision": ods["boundary_precision"] - precision,
        "recall": ods["boundary_recall"] - recall,
        "average precision": summary["average_precision"] - area,
        "precision at OIS": ois["boundary_precision"] - precision_ois,
        "recall at OIS": ois["boundary_recall"] - recall_ois,
    }
    worst = max(off, key=lambda name: abs(off[name]))
    measured = f"F {ods['boundary_f']:.6f} (official {f_ods}), most off {worst} by {off[worst]:+.5f}"
    return verdict(f"{folder}: boundaries", measured, "within 0.01", abs(off[worst]) <= 0.01) and passed


def made_up(shape: tuple[int, ...], n_regions: int, generator: np.random.Generator) -> Labels:
    """Return the cells of random seeds."""
    seeds = generator.random((n_regions, 2)) * shape
    positions = np.argwhere(np.ones(shape, dtype=np.bool_))
    return np.asarray(cKDTree(seeds).query(positions)[1].reshape(shape) + 1, dtype=np.int32)


def speed() -> bool:
    """Print how much faster the measures of many pairs are than those of the libraries, photo by photo."""
    generator = np.random.default_rng(0)
    ratios, ours_seconds = [], 0.0
    paths = sorted(TRUTH.glob("*.mat"))[:N_PHOTOS]
    for index, path in enumerate(paths):
        people = list(read_label_file(path).images)
        people = [people[p % len(people)] for p in range(N_PEOPLE)]
        images = [made_up(people[0].shape, 2 + 2 * t, generator) for t in range(N_IMAGES)]
        started = time.process_time()
        score = score_photo(images, people)
        seconds = time.process_time() - started
        ours_seconds += seconds
        if index % PEER_STEP:
            continue
        started = time.process_time()
        theirs = np.array(
            [
                [
                    adjusted_rand_score(person.ravel(), image.ravel()),
                    rand_score(person.ravel(), image.ravel()),
                    variation_of_information(person, image).sum(),  # type: ignore[no-untyped-call]
                ]
                for image in images
                for person in people
            ]
        ).reshape(N_IMAGES, N_PEOPLE, 3)
        ratios.append((time.process_time() - started) / seconds)
        np.testing.assert_allclose(
            theirs.mean(axis=1).T, [score.adjusted_rand, score.rand_index, score.variation], rtol=1e-9, atol=1e-9
        )
    print(f"{len(paths)} photos × {N_PEOPLE} people × {N_IMAGES} label images: {ours_seconds:.1f} s of processor time")
    measured = f"{median(ratios):.0f}× faster ({spread(ratios, '.0f')}), equal figures"
    return verdict("ARI, PRI, VOI, covering and UE against ARI, PRI, VOI", measured, "≥ 10×", median(ratios) >= 10)


def main() -> bool:
    """Measure, print, and return whether every requirement is met."""
    if not OFFICIAL.exists():
        print("BSDS500 with the figures of its benchmark is absent: nothing measured")
        return True
    print(f"peers: scikit-learn {installed('scikit-learn')}, scikit-image {installed('scikit-image')}")
    return all([agreement("segs", "test_4"), agreement("ucm2", "test_1"), speed()])


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
