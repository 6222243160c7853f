"""Options grouped under headings in ``--help``, each with its default in plain words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click
from click.types import FloatRange, IntRange

INPUT = "Input"
TARGET = "What to find"
VARIANTS = "Variants"
MEASURES = "Measures"
REGIONS = "Regions (--method regions only)"
LABELED = "Labeled rows"
FIT = "Fit"
COLOR_FIT = "Fit (all methods except regions)"
WINDOWS = "Large pictures"
EXECUTION = "Execution"
OUTPUT = "Output"
FIGURES = "Figures"
GENERAL = "General"

MAX_TERM_WIDTH = 25
"""Characters of the column of option names; the text of a longer one begins on the next line."""

COLUMN_GAP = 2
NO_BREAK_SPACE = "\u00a0"


class SectionOption(click.Option):
    """An option that is listed under a heading of ``--help``.

    A default of ``--x/--no-x`` is shown as "on" or "off", a range only where it has two ends.
    """

    def __init__(self, *arguments: Any, section: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.section = section

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Return the default and the range as they appear behind the help text."""
        extra = super().get_help_extra(ctx)
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default
        elif self.is_bool_flag and self.secondary_opts and self.show_default:
            extra["default"] = "on" if self.get_default(ctx, call=False) else "off"
        extra.pop("range", None)
        if isinstance(self.type, IntRange | FloatRange) and None not in (self.type.min, self.type.max):
            extra["range"] = f"{self.type.min} to {self.type.max}"
        return extra


def option(*names: str, section: str, **attributes: Any) -> Callable[[Any], Any]:
    """Return the decorator that adds a `SectionOption`; the other arguments are those of ``click.option``."""
    return click.option(*names, cls=SectionOption, section=section, **attributes)


def write_sections(params: Sequence[click.Parameter], ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write the options under their headings: in order of first use, `GENERAL` last, all in the same two columns."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for param in params:
        record = param.get_help_record(ctx)
        if isinstance(param, click.Option) and record is not None:
            sections.setdefault(getattr(param, "section", GENERAL), []).append(record)
    general = sections.pop(GENERAL, [])
    terms = [term for records in (*sections.values(), general) for term, _ in records]
    width = max(len(term) for term in terms if len(term) <= MAX_TERM_WIDTH)
    for heading, records in {**sections, GENERAL: general}.items():
        with formatter.section(heading):
            write_definitions(records, width, formatter)


def write_definitions(records: Sequence[tuple[str, str]], term_width: int, formatter: click.HelpFormatter) -> None:
    """Write terms and their texts in two columns; unlike click, break neither words at hyphens nor final brackets."""
    import textwrap

    indent = " " * formatter.current_indent
    text_start = len(indent) + term_width + COLUMN_GAP
    for term, text in records:
        sentence, bracket, extra = text.partition("  [")
        text = sentence + bracket + extra.replace(" ", NO_BREAK_SPACE)
        width = formatter.width - text_start
        lines = textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)
        lines = [line.replace(NO_BREAK_SPACE, " ") for line in lines]
        first = f"{indent}{term}".ljust(text_start)
        if len(term) > term_width:
            formatter.write(f"{indent}{term}\n")
            first = " " * text_start
        formatter.write(f"{first}{lines[0]}\n")
        for line in lines[1:]:
            formatter.write(f"{' ' * text_start}{line}\n")
