"""What holds for all tests."""

from __future__ import annotations

import signal

from hypothesis import settings

# Started in the background of a shell, pytest ignores interrupts, and so would every command that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says something of the machine, not of the program.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
