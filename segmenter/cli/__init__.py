"""The command line: the only layer that prints or exits."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import traceback
from collections.abc import Collection, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from segmenter._version import __version__
from segmenter.errors import SegmenterError, describe_problem, printable

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

STREAM = Path("-")
"""Standard input or output, as a path."""

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 1, 2, 130, 141


class FileCommand(click.Command):
    """A command whose first argument names files, and of which whatever goes wrong is one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; with ``--verbose``, what nobody foresaw comes with its traceback."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, SegmenterError, BrokenPipeError):
            raise
        except OSError:  # the reading and writing of files has errors of its own: this is a standard stream
            raise
        except Exception as error:
            given = ctx.params[self.params[0].name or ""]
            sources = given if isinstance(given, tuple) else (given,)
            source = str(sources[0]) if len(sources) == 1 else ""
            fail(error, "stdin" if source == "-" else source, verbose=bool(ctx.params.get("verbose")))
            return EXIT_FAILED


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for, and return their exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a closed pipe ends it without a word, an interrupt with one line."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the last flush is quiet, too
            return EXIT_BROKEN_PIPE
        except KeyboardInterrupt:  # here, because click prints an empty line
            complain("interrupted; what was finished is whole")
            return EXIT_INTERRUPTED

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


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 1 something failed, 2 wrong usage, 130 interrupted, 141 pipe closed."""
    open_closed_streams()
    leave(run())


def run() -> int:
    """Run the command line and return the exit status; every failure is told in one line."""
    try:
        return cli.main(prog_name="segmenter", standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return EXIT_USAGE
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "segmenter"
        complain(f"{error.format_message().rstrip('.')}; see '{command} --help'")
        return EXIT_USAGE
    except SegmenterError as error:
        complain(str(error))
    except OSError as error:  # those of files are errors of ours
        complain(f"standard output: cannot be written ({(error.strerror or str(error)).lower()})")
    return EXIT_FAILED


def open_closed_streams() -> None:
    """Lead closed standard streams to nowhere, or a file would be opened in their place and be written over."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


def leave(status: int) -> NoReturn:
    """End the process without tearing the interpreter down, which takes longer than it seems."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:  # told already, where it was written
            status = status or EXIT_FAILED
    atexit._run_exitfuncs()
    os._exit(status)


def unwind_on_interrupt() -> None:
    """Let Ctrl-C clean up from now on; call it when all is imported."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def fail(error: Exception, source: str, *, verbose: bool) -> str:
    """Tell in one line why something failed, and of a fault of ours on request where; return the line.

    Parameters
    ----------
    error : Exception
    source : str
        What was worked on; "" = unknown.
    verbose : bool
    """
    problem = describe_problem(error, source)
    complain(problem)
    if verbose and not isinstance(error, SegmenterError):
        for line in "".join(traceback.format_exception(error)).splitlines():
            say(line)
    return problem


def complain(message: str) -> None:
    """Print one line that names the program, on standard error."""
    say(f"segmenter: {' '.join(message.split())}")


def warn_stale_outputs(stems: Sequence[Path], written: Collection[Path]) -> None:
    """Tell of figures in other formats that an earlier run left beside what was written now."""
    from segmenter.workflows.segment.outputs import find_stale_figures

    for path in find_stale_figures(stems, written):
        say(f"  note: {path} is of an earlier run; remove it, or draw it again")


def say(line: str) -> None:
    """Print one line for people, on standard error; nobody need be there to read it."""
    with suppress(OSError):
        click.echo(printable(line), err=True)
