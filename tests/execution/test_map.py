"""The map over jobs: every job answered once, whatever becomes of the worker."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from operator import mul
from pathlib import Path

import pytest

from segmenter.errors import WorkerStartError
from segmenter.execution.api import Workers, available_memory
from segmenter.execution.map import map_jobs
from segmenter.execution.processes import persistent_pool
from segmenter.io.files.atomic import (
    TEMPORARY_PREFIX,
    TEMPORARY_SUFFIX,
    check_writable,
    remove_stale_temporaries,
    write_files,
)

WORKERS = [1, 3]
PROCESS = "(__import__('time').sleep(0.05), __import__('os').getpid())[1]"


@pytest.mark.parametrize("n_workers", WORKERS)
def test_every_job_is_answered_once(n_workers: int) -> None:
    answers = list(map_jobs(partial(mul, 3), enumerate(range(20)), Workers(n_workers)))
    assert sorted((answer.index, answer.job, answer.result) for answer in answers) == [(i, i, 3 * i) for i in range(20)]


def test_no_jobs_need_no_worker() -> None:
    assert list(map_jobs(abs, [], Workers(2))) == []


@pytest.mark.parametrize("n_workers", WORKERS)
def test_a_job_that_kills_its_worker_is_lost_alone(n_workers: int) -> None:
    die = "__import__('os').kill(__import__('os').getpid(), 9)"
    lines = ["1 + 1", die, "2 + 2", "__import__('os')._exit(3)", die]
    answers = {answer.index: answer for answer in map_jobs(eval, enumerate(lines), Workers(n_workers))}
    assert len(answers) == len(lines)
    assert (answers[0].result, answers[2].result) == (2, 4)
    assert "killed the worker" in answers[1].lost
    assert "exit status 3" in answers[3].lost
    assert "killed the worker" in answers[4].lost


def test_jobs_are_taken_as_workers_are_free_and_not_before() -> None:
    taken = []

    def jobs() -> Iterator[tuple[int, int]]:
        for number in range(100):
            taken.append(number)
            yield number, number

    with closing(map_jobs(abs, jobs(), Workers(2))) as answers:
        for n_answers in range(1, 6):
            next(answers)
            assert len(taken) <= n_answers + 2


def test_workers_that_stay_are_the_same_in_the_next_map() -> None:
    with persistent_pool(Workers(2)) as workers:
        first = {answer.result for answer in map_jobs(eval, enumerate([PROCESS] * 8), workers)}
        second = {answer.result for answer in map_jobs(eval, enumerate([PROCESS] * 8), workers)}
        (product,) = map_jobs(partial(mul, 3), [(0, 5)], workers)
    assert first == second
    assert product.result == 15
    for process in first:
        assert process is not None
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_a_worker_that_dies_while_it_stays_is_replaced() -> None:
    with persistent_pool(Workers(1)) as workers:
        (dead,) = map_jobs(eval, [(0, PROCESS)], workers)
        assert dead.result is not None
        assert workers.idle is not None
        os.kill(dead.result, signal.SIGKILL)
        workers.idle[0].popen.wait()
        (other,) = map_jobs(eval, [(0, PROCESS)], workers)
    assert other.result not in (None, dead.result)


def test_a_job_that_takes_too_long_is_lost_alone() -> None:
    first, second, third = sorted(
        map_jobs(time.sleep, enumerate([0, 600, 0]), Workers(2, timeout=3)), key=lambda answer: answer.index
    )
    assert (first.lost, third.lost) == ("", "")
    assert second.lost.startswith("took longer than 3 s; raise --timeout")


def test_closing_stops_busy_workers() -> None:
    answers = map_jobs(time.sleep, enumerate([0, 600, 600]), Workers(2))
    next(answers)
    started = time.monotonic()
    answers.close()
    assert time.monotonic() - started < 5


def test_a_worker_has_one_blas_thread_and_no_more_memory_than_it_may_take() -> None:
    (answer,) = map_jobs(os.getenv, [(0, "OPENBLAS_NUM_THREADS")], Workers())
    assert answer.result == "1"
    (limited,) = map_jobs(resource.getrlimit, [(0, resource.RLIMIT_DATA)], Workers(max_memory=10**9))
    assert limited.result is not None
    assert limited.result[0] == 10**9


def test_a_worker_keeps_its_memory_whatever_dask_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")  # as for the workers of a cluster
    (answer,) = map_jobs(os.getenv, [(0, "MALLOC_TRIM_THRESHOLD_")], Workers())
    assert (answer.result, answer.lost) == (None, "")


def test_available_memory_is_no_more_than_there_is() -> None:
    assert 0 < available_memory() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_a_worker_that_cannot_start_is_told_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os\nos._exit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(WorkerStartError, match="exit status 9"):
        list(map_jobs(abs, [(0, 1), (1, 2)], Workers()))


# ---- temporary files -----------------------------------------------------------------------------------------------


def test_temporary_files_of_the_dead_are_removed_and_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / f"{TEMPORARY_PREFIX}0{TEMPORARY_SUFFIX}").touch()
    (tmp_path / "other.tmp").touch()
    remove_stale_temporaries(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other.tmp"]


def test_a_locked_temporary_file_stays(tmp_path: Path) -> None:
    import fcntl

    path = tmp_path / f"{TEMPORARY_PREFIX}1{TEMPORARY_SUFFIX}"
    with open(path, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        remove_stale_temporaries(tmp_path)
        assert path.exists()
    remove_stale_temporaries(tmp_path)
    assert not path.exists()


def test_nothing_temporary_is_left_by_writing(tmp_path: Path) -> None:
    check_writable(tmp_path / "new")
    write_files({tmp_path / "new" / "a": b"1", tmp_path / "new" / "b": b"2"}, overwrite=False)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a", "b"]


def test_an_interrupt_waits_until_all_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        signal.raise_signal(signal.SIGINT)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_files({tmp_path / "a": b"1", tmp_path / "b": b"2"}, overwrite=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
