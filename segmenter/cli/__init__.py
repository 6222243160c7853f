"""The command line: the only layer that prints or exits."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from segmenter import __version__
from segmenter.errors import SegmenterError

COMMANDS = {
    "completion": "segmenter.cli.completion",
    "segment": "segmenter.cli.segment",
    "select": "segmenter.cli.select",
}

EXIT_FAILED, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 1, 130, 141


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for; a closed pipe ends them without a word."""

    def invoke(self, ctx: click.Context) -> None:
        """Run the command."""
        try:
            super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the last flush is quiet, too
            ctx.exit(EXIT_BROKEN_PIPE)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name]).command
        return command


@click.group(
    cls=LazyGroup,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "SEGMENTER",
        "max_content_width": 100,
    },
)
@click.version_option(__version__, prog_name="segmenter", message="%(prog)s %(version)s")
def cli() -> None:
    """Find the segments of a picture, without training.

    Start with: segmenter segment PHOTO
    """


def main() -> None:
    """Run the command line and exit: 0 done, 1 something failed, 2 wrong usage, 130 interrupted, 141 pipe closed."""
    try:
        sys.exit(cli.main(prog_name="segmenter", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SegmenterError as error:
        complain(str(error))
        sys.exit(EXIT_FAILED)
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted; what was finished is whole")
        sys.exit(EXIT_INTERRUPTED)


def complain(message: str) -> None:
    """Print one line on standard error."""
    click.echo(f"segmenter: {' '.join(message.split())}", err=True)
