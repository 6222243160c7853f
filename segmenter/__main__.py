"""The program, as ``segmenter`` and as ``python -m segmenter``."""

import os
import signal


def main() -> None:
    """Run the command line; while it is imported, Ctrl-C ends the process at once."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, quit_at_once)
    from segmenter.cli import main as run

    run()


def quit_at_once(*_: object) -> None:
    """End the process without unwinding: an interrupted import may print a traceback, or hide the interrupt."""
    try:
        os.write(2, b"segmenter: interrupted\n")
    finally:
        os._exit(130)


if __name__ == "__main__":
    main()
