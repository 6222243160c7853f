"""What a terminal shows: swatches and pictures as escape sequences, and nothing of either where nobody can see them."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from segmenter.arrays import Bytes
from segmenter.render.terminal import choose_text_color, format_half_blocks, format_swatches
from tests.support.command import COMMAND
from tests.support.scenes import grainy, two_colors

pytestmark = pytest.mark.slow

ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")
TERMINAL = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


def shown(line: str) -> list[tuple[str, tuple[int, ...] | None, tuple[int, ...] | None]]:
    """Return each character with the colors of its ink and ground, as a terminal would show them; None = its own."""
    ink: tuple[int, ...] | None = None
    ground: tuple[int, ...] | None = None
    characters: list[tuple[str, tuple[int, ...] | None, tuple[int, ...] | None]] = []
    for place, part in enumerate(ESCAPE.split(line)):
        if place % 2 == 0:
            characters += [(character, ink, ground) for character in part]
            continue
        words = [int(word) for word in part.split(";")]
        if words == [0]:
            ink = ground = None
        elif words[0] == 38:
            ink = tuple(words[2:])
        else:
            assert words[0] == 48
            ground = tuple(words[2:])
    return characters


# ---- lines ---------------------------------------------------------------------------------------------------------


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(4))))
def test_a_terminal_shows_the_pixels(pixels: Bytes) -> None:
    lines = format_half_blocks(pixels)
    assert len(lines) == -(-len(pixels) // 2)
    for y, line in enumerate(lines):
        characters = shown(line)
        assert len(characters) == pixels.shape[1]
        for x, (character, ink, ground) in enumerate(characters):
            upper, lower = {"▀": (ink, ground), "▄": (ground, ink), " ": (ground, ground)}[character]
            for row, color in ((2 * y, upper), (2 * y + 1, lower)):
                is_opaque = row < len(pixels) and pixels[row, x, 3] > 127
                assert color == (tuple(pixels[row, x, :3]) if is_opaque else None)


def test_of_256_colors_the_nearest_is_taken() -> None:
    colors = np.array([[[255, 0, 0, 255], [0, 0, 0, 255], [97, 133, 177, 255], [118, 118, 119, 255]]], np.uint8)
    inks = [ink for _, ink, _ in shown(format_half_blocks(colors, depth=8)[0])]
    assert inks == [(16 + 36 * 5,), (16,), (16 + 36 * 1 + 6 * 2 + 3,), (243,)]


@given(st.integers(1, 30), st.integers(1, 100))
def test_swatches_fit_the_width_and_none_is_lost(n_colors: int, width: int) -> None:
    colors = np.arange(3 * n_colors, dtype=np.uint8).reshape(-1, 3)
    texts = [f"{label}: {label} %" for label in range(n_colors)]
    lines = format_swatches(colors, texts, width)
    for line in lines:
        assert len(shown(line)) <= max(width, max(map(len, texts)) + 2)
    grounds = [ground for line in lines for _, _, ground in shown(line) if ground is not None]
    assert list(dict.fromkeys(grounds)) == [tuple(color) for color in colors.tolist()]
    assert " ".join(ESCAPE.sub("", line) for line in lines).split() == " ".join(texts).split()


def test_texts_can_be_read_on_their_colors() -> None:
    for color, expected in (((0, 0, 0), 255), ((255, 255, 255), 0), ((255, 255, 0), 0), ((0, 0, 255), 255)):
        assert set(choose_text_color(np.array(color, np.uint8))) == {expected}


# ---- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(two_colors()).save(tmp_path / "two.png")
    return tmp_path / "two.png"


def on_terminal(*arguments: str, cwd: Path, columns: int = 100, environment: dict[str, str] = TERMINAL) -> str:
    """Run the installed command with a terminal as its standard error, and return what that shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLORTERM", "TERM")}
    words = [str(COMMAND), *arguments, "--no-figure", "--overwrite"]
    with subprocess.Popen(words, cwd=cwd, stderr=theirs, stdout=subprocess.PIPE, env=clean | environment) as process:
        os.close(theirs)
        content = b""
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # what Linux says once nobody holds the other end
                break
            if not chunk:
                break
            content += chunk
        assert process.wait(60) == 0, content
    os.close(ours)
    return content.decode().replace("\r\n", "\n")


def test_the_palette_is_shown_with_shares(photo: Path) -> None:
    line, swatches = on_terminal("segment", "two.png", "-k", "2", cwd=photo.parent).splitlines()
    assert line.startswith("two.png: 2 segments")
    characters = shown(swatches)
    assert "".join(character for character, _, _ in characters) == "   1: 67 %   2: 33 % "
    assert {ground for _, _, ground in characters} == {None, (10, 20, 30), (200, 210, 220)}


def test_the_preview_draws_the_segments(photo: Path) -> None:
    words = ("segment", "two.png", "-k", "2", "--preview")
    *_, first, second = on_terminal(*words, cwd=photo.parent).splitlines()
    dark, bright = (10, 20, 30), (200, 210, 220)
    for line in (first, second):  # four rows of six pixels
        assert [ink for _, ink, _ in shown(line)[2:]] == [bright] * 2 + [dark] * 4
        assert [ground for _, _, ground in shown(line)[2:]] == [bright] * 2 + [dark] * 4


@pytest.mark.parametrize(("columns", "widest"), [(200, 80), (40, 40)])
def test_the_preview_keeps_to_the_terminal_and_to_80_columns(columns: int, widest: int, tmp_path: Path) -> None:
    Image.fromarray(np.tile(grainy()[0], (1, 20, 1))).save(tmp_path / "wide.png")
    words = ("segment", "wide.png", "-k", "3", "--preview")
    _, *lines = on_terminal(*words, cwd=tmp_path, columns=columns).splitlines()
    assert max(len(ESCAPE.sub("", line)) for line in lines) == widest


def test_a_model_that_is_applied_shows_the_same(photo: Path) -> None:
    fitted = on_terminal("segment", "two.png", "-k", "2", "--save-model", "--preview", cwd=photo.parent)
    words = ("apply", "outputs/two.model.json", "two.png", "--preview", "-o", "applied")
    applied = on_terminal(*words, cwd=photo.parent)
    assert applied.splitlines()[1:] == fitted.splitlines()[1:]


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        ([], {**TERMINAL, "NO_COLOR": "1"}),
        ([], {"TERM": "dumb"}),
        (["-q"], TERMINAL),
        (["-q", "--preview"], TERMINAL),
    ],
)
def test_without_colors_and_in_quiet_nothing_is_drawn(
    options: list[str], environment: dict[str, str], photo: Path
) -> None:
    text = on_terminal("segment", "two.png", "-k", "2", *options, cwd=photo.parent, environment=environment)
    assert "\x1b" not in text
    assert len(text.splitlines()) == (0 if "-q" in options else 1)


def test_in_a_file_there_are_no_colors_and_a_preview_is_told_to_need_them(photo: Path) -> None:
    words: list[Any] = [COMMAND, "segment", "two.png", "-k", "2", "--no-figure", "--preview"]
    result = subprocess.run(words, cwd=photo.parent, capture_output=True, text=True, env=os.environ | TERMINAL)
    assert result.returncode == 0
    assert "\x1b" not in result.stderr
    assert result.stderr.startswith("note: --preview needs a terminal with colors")
