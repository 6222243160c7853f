"""The class of commands that work on files."""

from __future__ import annotations

from typing import Any

import click

from segmenter.cli import EXIT_FAILED
from segmenter.cli.help import write_sections
from segmenter.cli.messages import report_failure
from segmenter.errors import SegmenterError


class FileCommand(click.Command):
    """A command whose first argument names files, whose failures are one line each, and whose help has headings."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; report an internal error in one line, with its traceback under ``--verbose``."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, SegmenterError, BrokenPipeError):
            raise
        except OSError:  # errors of reading and writing files are SegmenterErrors, so this is a standard stream
            raise
        except Exception as error:
            given = ctx.params[self.params[0].name or ""]
            sources = given if isinstance(given, tuple) else (given,)
            source = str(sources[0]) if len(sources) == 1 else ""
            report_failure(error, "stdin" if source == "-" else source, verbose=bool(ctx.params.get("verbose")))
            return EXIT_FAILED

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings."""
        write_sections(self.get_params(ctx), ctx, formatter)
