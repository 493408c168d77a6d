"""The file that the benchmark prints."""

import hashlib

from benchmarks.bench import payload


def test_the_file_is_what_is_said_of_it(tmp_path) -> None:
    made = payload.write(tmp_path / "file", 1_234_567)

    content = made.path.read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (made.size, made.sha256)
    assert 1_234_567 <= made.size < 1_234_567 + 200
    assert content.endswith(b"\n")


def test_the_file_is_the_same_every_time(tmp_path) -> None:
    assert payload.write(tmp_path / "one", 5_000).sha256 == payload.write(tmp_path / "other", 5_000).sha256
