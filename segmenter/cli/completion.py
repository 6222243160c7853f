"""``segmenter completion``."""

from __future__ import annotations

import click


@click.command(name="completion", short_help="Print a shell completion script.")
@click.argument("shell", type=click.Choice(["bash", "fish", "zsh"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print a script that completes commands and options in a SHELL.

    For bash: eval "$(segmenter completion bash)"
    """
    from click.shell_completion import get_completion_class

    completion_class = get_completion_class(shell)
    assert completion_class is not None  # the choices are the shells that click supports
    root = context.find_root()
    click.echo(completion_class(root.command, {}, "segmenter", "_SEGMENTER_COMPLETE").source())
