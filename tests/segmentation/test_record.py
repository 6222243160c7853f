"""Records: what is written is read again, and what is damaged is refused in one line that names the part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmenter.errors import DamagedRecordError
from segmenter.render.report import Page
from segmenter.segmentation.documents import parse_object
from segmenter.segmentation.record import (
    FigureRecord,
    FitRecord,
    HierarchyRecord,
    MixtureRecord,
    ModelReference,
    PhotoRecord,
    RunRecord,
    SegmentRecord,
    SelectionRecord,
    WindowsRecord,
    decode_record,
    describe_record,
    encode_record,
)
from segmenter.workflows.report.results import PhotoResult
from segmenter.workflows.report.run import encode_page

finite = st.floats(allow_nan=False, allow_infinity=False)
vectors = st.lists(finite, min_size=1, max_size=3).map(tuple)
counts = st.integers(0, 2**40)
colors = st.integers(0, 2**24 - 1).map("#{:06x}".format)

PHOTO = PhotoRecord(name="a.png", sha256=None, width=2, height=1, channels=3, dtype="uint8", notes=("a note",))
MIXTURE = MixtureRecord(
    covariance_type="full", features=("gray",), weights=(1.0,), means=((0.5,),), covariances=(((0.25,),),)
)
SELECTION = SelectionRecord(rule="a rule", n_segments=1, log_likelihoods=(1.5,), criterion=(1.0,))


@st.composite
def fits(draw: st.DrawFn) -> FitRecord:
    """Draw how a fit went."""
    return FitRecord(
        n_iterations=draw(counts),
        stop="converged",
        verdict="converged",
        log_likelihoods=draw(vectors),
        objectives=draw(vectors),
        restarts=draw(vectors),
        restarts_on_cells=draw(st.booleans()),
        n_died=draw(counts),
        collapsed=tuple(draw(st.lists(counts, max_size=3))),
    )


@st.composite
def records(draw: st.DrawFn) -> RunRecord:
    """Draw a record of regions, of a fit or of a model that was applied; in memory or by windows."""
    kind = draw(st.sampled_from(["regions", "fit", "model"]))
    segments = tuple(
        SegmentRecord(
            label=label,
            name="sky" if kind == "model" else None,
            pixels=draw(counts),
            share=draw(st.floats(0, 1)),
            color=draw(colors),
            mean_rgb=draw(st.tuples(finite, finite, finite)),
        )
        for label in range(1, draw(st.integers(1, 3)) + 1)
    )
    hierarchy = HierarchyRecord(n_superpixels=9, height=0.5, last_merge=draw(finite), next_merge=None)
    return RunRecord(
        schema=3,
        software="segmenter 1",
        input=PHOTO,
        recipe={"method": "gmm", "tolerance": draw(finite)},
        hierarchy=hierarchy if kind == "regions" else None,
        selection=draw(st.sampled_from([None, SELECTION])) if kind != "regions" else None,
        fit=draw(fits()) if kind == "fit" else None,
        model=ModelReference(name="a.model.json", sha256="ab") if kind == "model" else None,
        mixture=None if kind == "regions" else MIXTURE,
        unlabeled_pixels=draw(counts),
        segments=segments,
        windows=draw(st.sampled_from([None, WindowsRecord(bands=(1, 2, 3), fitted_pixels=None)])),
        figure=draw(st.sampled_from([None, FigureRecord(figure_format="png", dpi=300, plots=("colors",))])),
        saved=draw(st.sampled_from([(), ("model",)])),
        files=draw(st.sampled_from([(), ("a.labels.png", "a.json")])),
        scales={"coarse": segments} if kind == "regions" and draw(st.booleans()) else None,
    )


@given(records())
def test_a_record_comes_back_as_it_was_written(record: RunRecord) -> None:
    content = encode_record(record)
    assert decode_record(json.loads(content), "a.json") == record
    assert json.loads(content) == describe_record(record)


@given(records())
def test_keys_are_there_where_they_apply(record: RunRecord) -> None:
    keys = set(describe_record(record))
    always = {"schema", "software", "input", "recipe", "unlabeled_pixels", "segments", "figure", "saved", "files"}
    optional = {"windows": record.windows, "scales": record.scales}
    of_kind = {"hierarchy"} if record.hierarchy else {"selection", "mixture", "fit" if record.fit else "model"}
    assert keys == always | of_kind | {key for key, value in optional.items() if value is not None}


def plain_record() -> dict[str, Any]:
    """Return the smallest record of a version before there were figures to record, as plain values."""
    segment = {"label": 1, "pixels": 2, "share": 1.0, "color": "#000000", "mean_rgb": [0, 0, 0]}
    photo: dict[str, Any] = {"name": "a.png", "sha256": None, "width": 2, "height": 1, "channels": 3, "dtype": "uint8"}
    photo["notes"] = []
    head: dict[str, Any] = {
        "schema": 3,
        "software": "segmenter 0.1",
        "input": photo,
        "recipe": {"merge_cost": "fitted"},
    }
    return {**head, "unlabeled_pixels": 0, "segments": [segment]}


def test_records_of_earlier_versions_are_read() -> None:
    record = decode_record(plain_record() | {"figure": {"figure_format": "png", "dpi": 300}}, "a.json")
    assert record.figure == FigureRecord(figure_format="png", dpi=300, side_by_side=True, plots=())
    assert record.saved == ()
    assert record.recipe == {"merge_cost": "learned"}


def test_keys_of_later_versions_are_ignored() -> None:
    assert decode_record(plain_record() | {"weather": "fine"}, "a.json") == decode_record(plain_record(), "a.json")


@pytest.mark.parametrize(
    ("part", "value", "problem"),
    [
        ("software", 3, "software: expected `str`, got `int`"),
        ("input.width", 0, "input.width is 0, not positive"),
        ("input.width", True, "input.width: expected `int`, got `bool`"),
        ("input.notes", "none", "input.notes: expected `array`, got `str`"),
        ("segments", [], "segments is empty"),
        ("segments.0.label", 2, "segments[0].label is 2, not 1"),
        ("segments.0.share", 1.5, "segments[0].share is 1.5, not from 0 to 1"),
        ("segments.0.share", "all", "segments[0].share: expected `float`, got `str`"),
        ("segments.0.color", "red", "segments[0].color is no color like #0a64ff"),
        ("segments.0", {}, "segments[0]: object missing required field `label`"),
        ("fit", {}, "fit: object missing required field `n_iterations`"),
    ],
)
def test_a_damaged_record_is_refused_by_the_name_of_the_part(part: str, value: Any, problem: str) -> None:
    record: Any = plain_record()
    *above, name = (int(step) if step.isdigit() else step for step in part.split("."))
    inner = record
    for step in above:
        inner = inner[step]
    inner[name] = value
    with pytest.raises(DamagedRecordError) as caught:
        decode_record(record, "a.json")
    assert str(caught.value) == f"a.json: cannot be shown ({problem}); segment the photo again with --overwrite"


# ---- whatever a file may hold --------------------------------------------------------------------------------------

odd_integers = st.integers() | st.sampled_from([10**400, -(10**38), 10**39, 2**63, 0])
odd_floats = st.floats() | st.sampled_from([10**400, 1e308, -0.0])
odd_texts = st.text(max_size=5) | st.sampled_from(["\ud800", "\0", "a\nb", "9" * 5000, "../a", "</script>"])
odd_values: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | odd_integers | odd_floats | odd_texts | st.sampled_from([[], {}, [[]]])
)


def draw_value_like(draw: st.DrawFn, old: Any) -> Any:
    """Draw any value, most often one of the same type."""
    of_type = {int: odd_integers, float: odd_floats, str: odd_texts}.get(type(old), odd_values)
    return draw(of_type if draw(st.integers(0, 3)) else odd_values)


def replace_a_part(draw: st.DrawFn, plain: Any) -> Any:
    """Return plain values with one part, at any depth, replaced or left out."""
    if not isinstance(plain, dict | list) or not plain or draw(st.integers(0, 9)) == 0:
        return draw_value_like(draw, plain)
    key = draw(st.sampled_from(list(plain) if isinstance(plain, dict) else range(len(plain))))
    changed = plain.copy()
    if draw(st.integers(0, 9)) == 0:
        del changed[key]
    else:
        changed[key] = replace_a_part(draw, changed[key])
    return changed


@st.composite
def damaged_records(draw: st.DrawFn) -> Any:
    """Draw a record as JSON values with one to three parts replaced by anything."""
    plain: Any = json.loads(encode_record(draw(records())))
    for _ in range(draw(st.integers(1, 3))):
        plain = replace_a_part(draw, plain)
    return plain


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(damaged_records())
def test_a_record_is_refused_or_can_be_reported(plain: Any) -> None:
    try:
        record = decode_record(parse_object(json.dumps(plain)), "a.json")
    except DamagedRecordError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 500
        return
    again = encode_record(record)
    assert decode_record(parse_object(again), "a.json") == record
    result = PhotoResult("a.png", "done", record=record)
    page = dict(encode_page([result], {}, Path("report.html"), Page("results", "segmenter", ()), max_page=10**6))
    assert set(page) == {Path("report.html")}
