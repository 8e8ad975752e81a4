"""The page that says what was at work: each worker's own, and nobody's is lost where several start and end at once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crossdock.engine.at_work import AtWork, Named

WORKERS, LIVES = 8, 40


def test_workers_that_start_and_end_at_once_lose_nobodys_page(tmp_path: Path) -> None:
    def lives(worker: int) -> list[Sequence[Named]]:
        found = []
        for _ in range(LIVES):
            at_work = AtWork(tmp_path, "production", f"w{worker}")
            found.append(at_work.take_over())
            assert (tmp_path / f"production.w{worker}.at-work").exists()
            at_work.close()
        return found

    with ThreadPoolExecutor(WORKERS) as pool:
        assert all(not any(found) for found in pool.map(lives, range(WORKERS)))
    assert not list(tmp_path.iterdir())


def found_by(folder: Path, worker: str) -> Sequence[Named]:
    at_work = AtWork(folder, "production", worker)
    found = at_work.take_over()
    at_work.close()
    return found


def test_what_was_at_work_is_told_once_and_only_after_that_life_is_over(tmp_path: Path) -> None:
    at_work, file = AtWork(tmp_path, "production", "first"), tmp_path / "production.first.at-work"
    at_work.take_over()
    with at_work.on("message", "m1"):
        page = file.read_bytes()
        assert not found_by(tmp_path, "second")
    at_work.close()
    file.write_bytes(page)  # as a life that was killed leaves it
    assert found_by(tmp_path, "third") == [Named("message", ("m1",))]
    assert not found_by(tmp_path, "fourth")
