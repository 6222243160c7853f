"""Deliver Ctrl-C through the queue that the program waits on."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def deliver_interrupts_to(messages: queue.SimpleQueue[Any]) -> Iterator[None]:
    """Put None into a queue at each Ctrl-C, instead of raising KeyboardInterrupt, while the block runs.

    KeyboardInterrupt is raised wherever the program happens to be. If that is inside the finalizer of a Dask future,
    Python only prints it, and the interrupt is lost.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: messages.put(None))  # SimpleQueue.put is reentrant
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
