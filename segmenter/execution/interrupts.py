"""Ctrl-C as news beside other news, where it would get lost as an exception."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interrupts_in(news: queue.SimpleQueue[Any]) -> Iterator[None]:
    """Let a Ctrl-C become None in a queue that is waited for.

    Raised wherever the program is, it gets lost where Python drops a future: what its finalizer raises is printed only.
    """
    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: news.put(None))  # which may be called within another call of it
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
