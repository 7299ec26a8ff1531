"""The look for a secret sees what it is meant to see."""

import gzip
from pathlib import Path

from otel_perf.delivery.segments import Segment, pack
from tests.secrets.sinks import files_under, found_in

SECRET = b"c4n4ryInEveryForm "


def test_the_look_sees_through_compression_and_into_names(tmp_path: Path) -> None:
    """Plain, in another case, in a file's name, in gzip after other bytes, and in a segment of the spool."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "plain").write_bytes(b"..." + SECRET.upper())
    (folder / "named-c4n4ryineveryform").touch()
    (folder / "zipped").write_bytes(b"head" + gzip.compress(SECRET * 3) + b"tail")
    (folder / "spooled").write_bytes(pack(Segment("traces", 1, 1, SECRET * 1000)))
    (folder / "other").write_bytes(b"nothing")
    assert SECRET not in (folder / "spooled").read_bytes()
    names = {"plain", "named-c4n4ryineveryform", "zipped", "spooled"}
    assert {Path(name).name for name in found_in(files_under(tmp_path), "c4n4ryineveryform")} == names
