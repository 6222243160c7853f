"""Embed fonts in an SVG, so that text stays text and looks the same where DejaVu Sans is not installed."""

from __future__ import annotations

import base64
import re
from html import unescape
from io import BytesIO
from typing import Final

from matplotlib.font_manager import FontProperties, findfont

WEIGHTS: Final = {"normal": 400, "bold": 700}
_TEXT: Final = re.compile(r"<text\b[^>]*>(.*?)</text>", re.DOTALL)
_TAG: Final = re.compile(r"<[^>]*>")


def embed_fonts(svg: bytes) -> bytes:
    """Return an SVG from matplotlib with the glyphs it uses embedded as WOFF fonts in a style sheet.

    The license of DejaVu Sans allows this.
    """
    from fontTools import subset  # a dependency of matplotlib; takes 0.2 s to import
    from fontTools.ttLib import TTFont

    text = svg.decode()
    characters = "".join(sorted(set(unescape(_TAG.sub("", "".join(_TEXT.findall(text)))))))
    if not characters.strip():
        return svg
    faces = []
    for name, weight in WEIGHTS.items():
        if name == "bold" and not re.search(r"font(-weight)?: (bold|700)\b", text):
            continue
        font = TTFont(findfont(FontProperties(family="DejaVu Sans", weight=name)), recalcTimestamp=False)
        options = subset.Options(hinting=False, layout_features=["kern"], notdef_outline=True)
        options.drop_tables += ["FFTM"]  # editing time; fontTools would warn that it does not know this table
        subsetter = subset.Subsetter(options)
        subsetter.populate(text=characters)
        subsetter.subset(font)
        font.flavor = "woff"
        content = BytesIO()
        font.save(content)
        source = f"url(data:font/woff;base64,{base64.b64encode(content.getvalue()).decode()}) format('woff')"
        faces.append(f"@font-face{{font-family:'DejaVu Sans';font-weight:{weight};src:{source}}}")
    style = f'<style type="text/css">{"".join(faces)}</style>'
    return text.replace("<defs>", f"<defs>\n  {style}", 1).encode()
