"""The commands that are digested, as plain data.

Each has a name, and steps: lines of arguments as a shell would take them, with NAME=VALUE before them for the
environment and < FILE after them for standard input. Photos and tables are in the folder "in", see `inputs`.

Options and their values keep the spelling that they had when a command was added, so that older ones stay tested.
"""

from __future__ import annotations

from importlib.util import find_spec

HELP = {
    "help": "--help",
    "version": "--version",
    "no-command": "",
} | {
    f"help-{command}": f"{command} --help"
    for command in (
        "apply",
        "batch",
        "cluster",
        "compare",
        "completion",
        "cut",
        "evaluate",
        "report",
        "segment",
        "select",
    )
}

COMPLETION = {f"completion-{shell}": f"completion {shell}" for shell in ("bash", "fish", "zsh")}

SEGMENT = {
    "segment-default": "segment in/coffee.png",
    "segment-everything": """
        segment in/coffee.png -v --dpi 100 --save-model --save posteriors --save confidence --plot contours \
            --plot cutouts --plot likelihood --plot colors --plot confidence --plot palette
    """,
    "segment-gray-plots": """
        segment in/camera.png -k 3 --dpi 80 --plot colors --plot likelihood --plot confidence --plot palette -o gray
    """,
    "segment-hard-em": "segment in/coffee.png --method hard-em -k 3 -v --no-figure",
    "segment-k-means": "segment in/coffee.png --method k-means -k 5 -v --no-figure",
    "segment-auto": "segment in/coffee.png in/camera.png -k auto -v --no-figure",
    "segment-lab": "segment in/coffee.png in/camera.png --color-space lab -v --no-figure --save-model",
    "segment-hsv": "segment in/coffee.png --color-space hsv -v --no-figure --save-model",
    "segment-tied": "segment in/coffee.png --covariance tied -v --no-figure --save-model",
    "segment-diag": "segment in/coffee.png --covariance diag -v --no-figure --save-model",
    "segment-spherical": "segment in/coffee.png --covariance spherical -v --no-figure --save-model",
    "segment-random": "segment in/coffee.png --init random --restarts 7 --seed 3 -v --no-figure",
    "segment-plain-em": """
        segment in/coffee.png --no-acceleration --tolerance 1e-6 --max-iterations 30 -k 6 -v --no-figure
    """,
    "segment-not-converged": "segment in/coffee.png --max-iterations 1 --restarts 1 -k 6 -v --no-figure",
    "segment-pdf": "segment in/coffee.png --figure-format pdf --plot colors --plot likelihood",
    "segment-svg": "segment in/coffee.png --figure-format svg --plot contours --plot palette",
    "segment-dpi": "segment in/coffee.png --dpi 50 -k 12",
    "segment-plots-alone": "segment in/coffee.png --no-figure --plot contours --dpi 72",
    "segment-several": "segment in/coffee.png in/camera.png in/rocket.jpg --no-figure --json",
    "segment-formats": """
        segment in/formats/alpha.png in/formats/cmyk.jpg in/formats/deep-gray.png in/formats/gray.bmp \
            in/formats/palette.gif in/formats/turned.jpg in/formats/photo.webp in/formats/plain.pgm --no-figure --json
    """,
    "segment-quiet": "segment in/coffee.png -q --no-figure",
    "segment-json-quiet": "segment in/coffee.png --json -q --no-figure",
    "segment-stdin": "segment - -k 2 --dpi 60 < in/coffee.png",
    "segment-pipe": """
        segment - -o - < in/coffee.png
        segment in/camera.png -k 3 -o - -v
    """,
    "segment-overwrite": """
        segment in/coffee.png -k 2 --no-figure
        segment in/coffee.png -k 3 --no-figure --overwrite -v
    """,
    "segment-earlier-outputs": """
        segment in/small.png -k 2 --dpi 60 --plot palette
        segment in/small.png -k 2 --figure-format svg --overwrite
    """,
    "segment-environment": "SEGMENTER_SEGMENT_SEGMENTS=3 SEGMENTER_SEGMENT_FIGURE=0 segment in/coffee.png",
    "segment-preview": "segment in/small.png in/formats/alpha.png --preview --no-figure",
    "segment-preview-true-color": "COLORTERM=truecolor segment in/small.png --preview --no-figure",
    "segment-preview-no-color": "NO_COLOR=1 segment in/small.png --preview --no-figure",
    "segment-preview-no-terminal": "segment in/small.png --preview --no-figure",
}

REGIONS = {
    "regions-default": "segment in/coffee.png --method regions -v --save hierarchy --dpi 100",
    "regions-all-scales": """
        segment in/chelsea.png --method regions --scale all --dpi 80 --save hierarchy --json \
            --plot contours --plot cutouts --plot palette
    """,
    "regions-coarse": "segment in/coffee.png --method regions --scale coarse -v --no-figure",
    "regions-fine": "segment in/coffee.png --method regions --scale fine -v --no-figure",
    "regions-height": "segment in/small.png --method regions --scale 0.3 --no-figure",
    "regions-number": "segment in/camera.png --method regions -k 6 -v --no-figure --seed 2",
    "regions-merge-cost-hand": "segment in/coffee.png --method regions --merge-cost hand --no-figure --save hierarchy",
    "regions-merge-cost-fitted": "segment in/small.png --method regions --merge-cost fitted --no-figure",
    "regions-superpixels": "segment in/coffee.png --method regions --superpixels 150 --scale 0 --no-figure",
    "regions-working-size": "segment in/coffee.png --method regions --working-size 0.02 --no-figure --save hierarchy",
    "regions-alpha": "segment in/formats/alpha.png --method regions --no-figure --save hierarchy",
}

WINDOWS = {
    "windows-in-memory": "segment in/tiled.tif in/deep.tif --no-figure -v",
    "windows-memory": "segment in/tiled.tif --max-memory 1K --dpi 80 --plot contours --plot likelihood -v",
    "windows-several": "segment in/large.tif --max-memory 1M --no-figure -v",
    "windows-several-one-job": "segment in/large.tif --max-memory 1M --no-figure --jobs 1 --json",
    "windows-several-regions": "segment in/large.tif --max-memory 1M --method regions --no-figure -v",
    "windows-regions": "segment in/tiled.tif --max-memory 1K --method regions --dpi 80 --plot contours --scale fine",
    "windows-bands": "segment in/tiled.tif --bands 3,1 -k 3 --jobs 1 --dpi 80 -v",
    "windows-no-data": "segment in/bands.tif -k 3 --dpi 80 --json",
    "windows-no-data-regions": "segment in/bands.tif --method regions --bands 4,2,1 --no-figure",
    "windows-16-bit": "segment in/deep.tif --max-memory 1M --no-figure -v",
    "windows-k-means": "segment in/tiled.tif --max-memory 1K --method k-means --color-space lab --no-figure",
    "windows-auto": "segment in/tiled.tif --max-memory 1K -k auto --no-figure -v",
    "windows-zarr-labels": "segment in/tiled.tif in/bands.tif --max-memory 1K --label-format zarr -k 3 --no-figure",
    "windows-pipe": "segment in/tiled.tif --bands 1,2,3 -o - -k 3",
    "windows-apply": """
        segment in/tiled.tif -k 3 --save-model --no-figure -o fitted
        apply fitted/tiled.model.json in/tiled.tif --max-memory 1K --no-figure -v
    """,
    "windows-apply-bands": """
        segment in/bands.tif --bands 3,2,1 -k 3 --save-model --no-figure -o fitted
        apply fitted/bands.model.json in/bands.tif --bands 3,2,1 --label-format zarr --no-figure --json
    """,
}

ZARR = {
    "zarr-segment": "segment in/array.zarr -k 3 --dpi 80 -v",
    "zarr-regions": "segment in/array.zarr --method regions --bands 1,2,3 --no-figure --label-format zarr",
    "zarr-batch": "batch in/array.zarr in/small.png -j 1 --no-figure",
}
"""Commands that need the package zarr."""

BATCH = {
    "batch-one-job": "batch in/photos -j 1 --dpi 60",
    "batch-two-jobs": "batch in/photos -r -j 2 --no-figure --json",
    "batch-glob": "batch 'in/photos/*/*.png' in/small.png -j 1 --no-figure -k 3 -v",
    "batch-resume": """
        batch in/photos/animals in/photos/text.jpg -j 1 --no-figure
        batch in/photos -r -j 1 --no-figure --resume
        batch in/photos -r -j 1 --no-figure --resume --json
        batch in/photos -r -j 1 --no-figure --resume -k 2 -n
        batch in/photos -r -j 1 --no-figure --resume -k 2 --overwrite
    """,
    "batch-dry-run": """
        batch in/photos -n
        batch in/photos -r -n --json
    """,
    "batch-shared-model": """
        batch in/photos -r -j 2 --shared-model --no-figure -k 3
        apply outputs/shared.model.json in/small.png --no-figure
    """,
    "batch-shared-model-windows": "batch in/rasters -j 1 --bands 3,2,1 --shared-model --no-figure -v",
    "batch-report": "batch in/photos/animals in/photos/text.jpg -j 1 --report --no-figure -k 3",
    "batch-fail-fast": "batch in/photos/text.jpg in/photos/animals -j 1 --no-figure --fail-fast",
    "batch-bands": "batch in/rasters -j 1 --bands 3,2 --no-figure -k 3",
    "batch-rasters": "batch in/rasters -j 2 --no-figure -k 3 --max-memory 300M --timeout 600",
    "batch-extras": """
        batch in/photos/animals -j 1 --save confidence --save posteriors --save-model --plot palette --plot contours \
            --figure-format svg -q
    """,
    "batch-regions": "batch in/photos/animals -j 1 --method regions --scale all --save hierarchy --no-figure",
    "batch-overwrite": """
        batch in/photos/animals -j 1 --no-figure -q
        batch in/photos/animals -j 1 --no-figure
        batch in/photos/animals -j 1 --no-figure --overwrite --method k-means
    """,
}

APPLY = {
    "apply-same-photo": """
        segment in/coffee.png --save-model --no-figure -o fitted
        apply fitted/coffee.model.json in/coffee.png -v --dpi 80 --save posteriors --save confidence \
            --plot contours --plot cutouts --plot colors --plot confidence --plot palette
    """,
    "apply-others": """
        segment in/coffee.png --color-space lab --covariance diag --save-model --no-figure -o fitted
        apply fitted/coffee.model.json in/chelsea.png in/camera.png in/formats/alpha.png --no-figure --json
        apply fitted/coffee.model.json in/chelsea.png --no-figure
        apply fitted/coffee.model.json in/chelsea.png --no-figure --overwrite -q
    """,
    "apply-streams": """
        segment in/coffee.png --save-model --no-figure -o fitted -q
        apply fitted/coffee.model.json - -o - < in/chelsea.png
        apply fitted/coffee.model.json - --no-figure --preview < in/chelsea.png
    """,
    "apply-gray-model": """
        segment in/camera.png --save-model --no-figure -o fitted -k 2
        apply fitted/camera.model.json in/coffee.png in/camera.png --no-figure
    """,
    "apply-preview": """
        segment in/small.png --save-model --no-figure -o fitted -q
        apply fitted/small.model.json in/small.png --no-figure --preview
    """,
    "apply-no-likelihood": """
        segment in/coffee.png --save-model --no-figure -o fitted -q
        apply fitted/coffee.model.json in/coffee.png --plot likelihood
    """,
}

CUT = {
    "cut": """
        segment in/coffee.png --method regions --save hierarchy --no-figure -q -o found
        cut found/coffee.hierarchy.npz -v -o medium
        cut found/coffee.hierarchy.npz --scale fine -o fine
        cut found/coffee.hierarchy.npz --scale 0.4 -o height -q
        cut found/coffee.hierarchy.npz --scale all --json -o all
        cut found/coffee.hierarchy.npz -k 5 -o five
        cut found/coffee.hierarchy.npz -k 5 -o five
        cut found/coffee.hierarchy.npz -k 6 -o five --overwrite
        cut found/coffee.hierarchy.npz -k 60000 -o many
    """,
    "cut-several": """
        segment in/small.png in/camera.png --method regions --save hierarchy --no-figure -q -o found
        cut found/small.hierarchy.npz in/coffee.png found/camera.hierarchy.npz -k 4 --json
    """,
}

SELECT = {
    "select-photo": "select in/small.png -v",
    "select-gray": "select in/camera.png --max-segments 4 --restarts 2 -o curves",
    "select-options": """
        select in/small.png --max-segments 3 --color-space lab --covariance diag --init random --restarts 2 \
            --tolerance 1e-3 --max-iterations 50 --seed 4 --no-acceleration --json
    """,
    "select-table": "select in/points.csv --max-segments 6 -v",
    "select-columns": "select in/mixed.tsv --columns height,width --max-segments 4 --json -q",
    "select-stdin": """
        select - --max-segments 3 < in/points.csv
        select - --max-segments 3 --overwrite < in/small.png
    """,
}

COMPARE = {
    "compare-default": "compare in/coffee.png --dpi 150 -v",
    "compare-tables": """
        compare in/coffee.png -k 2,4 --methods gmm,k-means -o figure.pdf --table numbers.csv --table numbers.tex \
            --table numbers.md --json
    """,
    "compare-axes": """
        compare in/small.png -k 3 --color-spaces rgb,lab,hsv --covariances full,diag --seed 5 -o figure.svg \
            --table numbers.csv --layout grid
    """,
    "compare-photos": """
        compare in/coffee.png in/camera.png -k 3,auto --methods gmm,regions --width single --dpi 100 \
            --font-size 6 -o figure.png --table numbers.csv -q
    """,
    "compare-boundaries": """
        compare in/coffee.png -k 2,3 --boundaries --crop 100,50,60,40 --width 120mm --dpi 100 --layout row
    """,
    "compare-overlay": "compare in/chelsea.png --methods gmm,regions --overlay 0.6 --width ieee-single --dpi 100",
    "compare-times": "compare in/small.png -k 2,3 --times --dpi 80 --table numbers.csv --table numbers.tex",
    "compare-overwrite": """
        compare in/small.png -k 2 --dpi 60
        compare in/small.png -k 3 --dpi 60
        compare in/small.png -k 3 --dpi 60 --overwrite
    """,
}

EVALUATE = {
    "evaluate-files": "evaluate in/ours/one.png in/truth/one.png -v",
    "evaluate-people": "evaluate in/ours/one.png in/truth/one.png in/other/one.png --json",
    "evaluate-folders": "evaluate in/ours in/truth -v --csv figures.csv",
    "evaluate-folders-people": "evaluate in/ours in/truth in/other -r -j 2 --no-boundaries --json --csv figures.csv",
    "evaluate-ignore": "evaluate in/ours/two.png in/truth/two.png --ignore 1",
    "evaluate-mat": "evaluate in/ours/one.png in/people.mat --csv figures.csv -q",
    "evaluate-scales": "evaluate in/scales.npy in/truth/one.png in/other/one.png --csv figures.csv -v",
    "evaluate-hierarchies": """
        segment in/small.png in/camera.png --method regions --save hierarchy --no-figure -q -o found
        segment in/small.png in/camera.png -k 3 --no-figure -q -o truth
        evaluate found/small.hierarchy.npz truth/small.labels.png --scales 7
        evaluate found truth --hierarchies --scales 5 --json
        evaluate found truth --no-boundaries
    """,
}

CLUSTER = {
    "cluster-default": "cluster in/points.csv",
    "cluster-number": "cluster in/points.csv -k 4 --covariance diag -v --dpi 80",
    "cluster-tied": "cluster in/points.csv -k 3 --covariance tied --no-figure --json -q",
    "cluster-spherical": "cluster in/points.csv -k 3 --covariance spherical --no-figure",
    "cluster-random": "cluster in/points.csv -k 3 --init random --restarts 9 --seed 1 --no-figure",
    "cluster-hard-em": "cluster in/points.csv -k 3 --method hard-em --no-figure -v",
    "cluster-k-means": "cluster in/points.csv -k 3 --method k-means --dpi 60",
    "cluster-steps": "cluster in/points.csv -k 5 --tolerance 1e-7 --max-iterations 3 --no-figure -v",
    "cluster-learned": """
        cluster in/points.csv --labeled in/known.csv --semi-supervised learned-start --dpi 80 -v
    """,
    "cluster-clamped": """
        cluster in/points.csv --labeled in/known.csv --semi-supervised clamped --labeled-weight 5 \
            --label-column kind --no-figure --json
    """,
    "cluster-classes-of-several": "cluster in/points.csv --labeled in/known.csv -k 6 --no-figure -v",
    "cluster-missing": "cluster in/missing.csv -k 3 --dpi 80 -v",
    "cluster-columns": "cluster in/mixed.tsv --columns height,width -k 2 --figure-format pdf",
    "cluster-one-column": "cluster in/mixed.tsv --columns height --figure-format svg",
    "cluster-stdin": "cluster - -k 3 -o results --no-figure < in/points.csv",
    "cluster-labeled-stdin": "cluster in/points.csv --labeled - --no-figure < in/known.csv",
    "cluster-overwrite": """
        cluster in/points.csv -k 2 --no-figure
        cluster in/points.csv -k 2 --no-figure
        cluster in/points.csv -k 3 --no-figure --overwrite
    """,
}

REPORT = {
    "report-segment": """
        segment in/coffee.png in/camera.png --dpi 60 -o results -q
        segment in/chelsea.png --method regions --no-figure -o results -q
        report results
        report results
        report results --photos in --overwrite --json
    """,
    "report-photos": """
        batch in/photos -r -j 1 --no-figure -o results -q
        report results -o page.html --photos in/photos -v
    """,
    "report-missing-photos": """
        segment - --no-figure -o results -q < in/coffee.png
        report results -o page.html -v
    """,
    "report-damaged": "report in/damaged -o page.html",
}

WRONG = {
    "wrong-command": "paint in/coffee.png",
    "wrong-option": "segment in/coffee.png --colour-space lab",
    "wrong-option-value": """
        segment in/coffee.png --method magic
        segment in/coffee.png -k 0
        segment in/coffee.png -k some
        segment in/coffee.png --scale huge --method regions
        segment in/coffee.png --bands 0,1
        segment in/coffee.png --max-memory many
        segment in/coffee.png --dpi 5
        compare in/coffee.png --width broad
        compare in/coffee.png -o figure.gif
        compare in/coffee.png --crop 1,2,3
        select in/coffee.png --max-segments 99
        cluster in/points.csv --labeled-weight 0
        completion csh
        report in/damaged -o page.txt
        cluster in/points.csv -k 100000
        segment in/coffee.png --method regions -k 5000
        cut s3://bucket/photo.hierarchy.npz
    """,
    "wrong-combination": """
        segment in/coffee.png --method regions --save posteriors
        segment in/coffee.png --method regions --color-space lab
        segment in/coffee.png --save hierarchy
        segment in/coffee.png --scale fine
        segment in/coffee.png --method regions -k 3 --scale fine
        segment in/coffee.png -o - --json
        segment in/coffee.png in/camera.png -o -
        segment in/coffee.png --label-format zarr
        segment - --bands 1 < in/coffee.png
        batch in/photos -o -
        batch - < in/coffee.png
        batch in/photos --shared-model --save-model
        batch in/photos --jobs 2 --scheduler tcp://localhost:8786
        batch in/photos --method regions --shared-model
        compare in/coffee.png --boundaries --overlay 0.5
        cluster in/points.csv --semi-supervised clamped
        evaluate in/ours/one.png in/truth/one.png --hierarchies
    """,
    "wrong-no-argument": """
        segment
        apply in/coffee.png
        evaluate in/ours
    """,
    "wrong-missing-file": """
        segment in/absent.png
        batch in/absent
        apply in/absent.json in/coffee.png
        cut in/absent.npz
        select in/absent.csv
        compare in/absent.png
        evaluate in/absent.png in/truth/one.png
        cluster in/absent.csv
        report in/absent
    """,
    "wrong-text-as-photo": "segment in/photos/text.jpg",
    "wrong-truncated-photo": "segment in/truncated.png",
    "wrong-empty-photo": "segment in/empty.png",
    "wrong-folder-as-photo": "segment in/photos",
    "wrong-transparent-photo": "segment in/transparent.png",
    "wrong-some-photos": "segment in/photos/text.jpg in/small.png in/absent.png --no-figure --json",
    "wrong-too-many-segments": "segment in/two-colors.png -k 5",
    "wrong-too-many-regions": "segment in/two-colors.png --method regions -k 650",
    "wrong-too-many-pixels": "segment in/coffee.png --max-pixels 100",
    "wrong-existing-output": """
        segment in/small.png --no-figure
        segment in/small.png --no-figure
        select in/small.png --max-segments 2 --no-acceleration -q
        select in/small.png --max-segments 2 --no-acceleration -q
    """,
    "wrong-same-names": "segment in/small.png in/photos/small.png",
    "wrong-output-is-a-file": "segment in/small.png -o in/points.csv",
    "wrong-output-replaces-input": """
        compare in/coffee.png -o in/coffee.png --overwrite
        evaluate in/ours/one.png in/truth/one.png --csv in/truth/one.png --overwrite
    """,
    "wrong-no-photos": "batch in/nothing",
    "wrong-bands": """
        segment in/tiled.tif --bands 9
        segment in/coffee.png --bands 1,2
        segment in/tiled.tif --bands 1,2 --save posteriors
        segment in/bands.tif --plot colors
        segment in/tiled.tif --bands 1,2 --save-model
    """,
    "wrong-model": "apply in/coffee.png in/coffee.png",
    "wrong-hierarchy": "cut in/coffee.png in/scales.npy",
    "wrong-table": """
        cluster in/ragged.csv
        cluster in/mixed.tsv
        cluster in/coffee.png
        cluster in/points.csv --columns x,z
        cluster in/points.csv -k 500
        cluster in/points.csv --labeled in/points.csv
        select in/ragged.csv
    """,
    "wrong-labels": """
        evaluate in/ours/one.png in/camera.png
        evaluate in/coffee.png in/truth/one.png
        evaluate in/ours in/photos
        evaluate in/ours in/truth/one.png
    """,
    "wrong-crop": "compare in/coffee.png --crop 1000,1000,50,50",
    "wrong-results": "report in/nothing",
}

COMMANDS: dict[str, str] = {
    **HELP,
    **COMPLETION,
    **SEGMENT,
    **REGIONS,
    **WINDOWS,
    **(ZARR if find_spec("zarr") else {}),
    **BATCH,
    **APPLY,
    **CUT,
    **SELECT,
    **COMPARE,
    **EVALUATE,
    **CLUSTER,
    **REPORT,
    **WRONG,
}

ON_TERMINAL = {"segment-preview", "segment-preview-true-color", "segment-preview-no-color", "apply-preview"}
"""Commands whose standard error is a terminal, without which they draw nothing."""

IN_ANY_ORDER = {"batch-two-jobs", "batch-shared-model", "batch-rasters"}
"""Commands that tell of photos in the order in which two jobs happen to finish; what they tell is sorted."""

SHOW_TIMES = {"compare-times": ("outputs/comparison.png", "numbers.tex")}
"""Files that show elapsed times as a picture or as bare numbers; only that they exist is digested."""
