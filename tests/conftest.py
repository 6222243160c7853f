"""What holds for all tests."""

from __future__ import annotations

import signal

# Started in the background of a shell, pytest ignores interrupts, and so would every command that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
