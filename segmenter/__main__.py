"""The entry point of ``segmenter`` and ``python -m segmenter``."""

import os
import signal


def main() -> None:
    """Run the command-line interface; until its modules are imported, Ctrl-C ends the process at once."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, quit_at_once)
    from segmenter.cli import main as run

    run()


def quit_at_once(*_: object) -> None:
    """End the process without unwinding the stack: an interrupted import may print a traceback or swallow Ctrl-C."""
    try:
        os.write(2, b"segmenter: interrupted; nothing was written\n")
    finally:
        os._exit(130)


if __name__ == "__main__":
    main()
