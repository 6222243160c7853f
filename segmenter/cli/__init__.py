"""The command line: the only layer that prints or exits."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from segmenter._version import __version__
from segmenter.cli.messages import print_error
from segmenter.errors import SegmenterError

COMMANDS = {
    "apply": "segmenter.cli.apply",
    "batch": "segmenter.cli.batch",
    "cluster": "segmenter.cli.cluster",
    "compare": "segmenter.cli.compare",
    "completion": "segmenter.cli.completion",
    "cut": "segmenter.cli.cut",
    "evaluate": "segmenter.cli.evaluate",
    "report": "segmenter.cli.report",
    "segment": "segmenter.cli.segment",
    "select": "segmenter.cli.select",
}

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 1, 2, 130, 141


class LazyGroup(click.Group):
    """A group that imports a command only when it is used; commands return their exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; end silently when a pipe is closed, and with one line when interrupted."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # keeps the final flush silent, too
            return EXIT_BROKEN_PIPE
        except KeyboardInterrupt as interrupt:  # caught here, as click would print an empty line
            print_error(f"interrupted; {interrupt.args[0] if interrupt.args else 'files written before are complete'}")
            return EXIT_INTERRUPTED

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None if there is none of that name."""
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
    """Divide pictures into segments without training.

    To begin: segmenter segment PHOTO
    """


def main() -> NoReturn:
    """Run the command line and exit.

    The status is 0 = done, 1 = something failed, 2 = wrong usage, 130 = interrupted, 141 = output pipe closed.
    """
    open_closed_streams()
    exit_quickly(run())


def run() -> int:
    """Run the command line, report any failure in one line, and return the exit status."""
    try:
        return cli.main(prog_name="segmenter", standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return EXIT_USAGE
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "segmenter"
        print_error(f"{error.format_message().rstrip('.')}; see '{command} --help'")
        return EXIT_USAGE
    except SegmenterError as error:
        print_error(str(error))
    except OSError as error:  # those of files are SegmenterErrors
        print_error(f"standard output: cannot be written ({(error.strerror or str(error)).lower()})")
    return EXIT_FAILED


def open_closed_streams() -> None:
    """Open closed standard streams on the null device, so that no output file gets their descriptor."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


def exit_quickly(status: int) -> NoReturn:
    """End the process without tearing down the interpreter, which takes noticeable time."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:  # already reported where it was written
            status = status or EXIT_FAILED
    atexit._run_exitfuncs()
    os._exit(status)


def unwind_on_interrupt() -> None:
    """Make Ctrl-C raise KeyboardInterrupt from now on; call it once the imports of start-up are done."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
