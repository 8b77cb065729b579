import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from textus import store
from textus.errors import DamagedError, LockedError, StoreError
from textus.store import (
    MANIFEST,
    Manifest,
    digest,
    drop_unfinished,
    locked,
    new_folder,
    read_manifest,
    recover,
    unfinished,
    verify,
    write_file,
    write_json,
)

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals and limits")


def _make(path: Path, text: str = "content", *, replace: bool = False) -> Manifest:
    with new_folder(path, Manifest(kind="test"), replace=replace) as work:
        (work / "a.txt").write_text(text)
        (work / "deep").mkdir()
        (work / "deep" / "b.bin").write_bytes(bytes(range(256)))
    return verify(path)


def _names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def _run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs code in a process of its own."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_finished_folder_lists_its_files(tmp_path: Path):
    manifest = _make(tmp_path / "x")
    assert sorted(manifest.files) == ["a.txt", "deep/b.bin"]
    assert manifest.files["deep/b.bin"]["bytes"] == 256
    assert manifest.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert _names(tmp_path) == ["x"]


def test_manifest_remembers_what_the_maker_counted(tmp_path: Path):
    manifest = Manifest(kind="k", fingerprint="f", settings={"a": [1]}, inputs={"i": "d"})
    with new_folder(tmp_path / "x", manifest):
        manifest.counts["documents"] = 3
    found = read_manifest(tmp_path / "x")
    assert found is not None
    assert (found.kind, found.fingerprint, found.settings) == ("k", "f", {"a": [1]})
    assert (found.inputs, found.counts, found.files) == ({"i": "d"}, {"documents": 3}, {})
    assert found.created
    assert found.seconds >= 0


def test_digest_follows_the_content_alone(tmp_path: Path):
    one, same, other = (_make(tmp_path / n, t).digest for n, t in ("xa", "ya", "zb"))
    assert one == same != other
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})
    assert digest(["\ud800"])  # file names may hold what is no text


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_of_a_failed_folder(tmp_path: Path, error: type[BaseException]):
    def fail() -> None:
        with new_folder(tmp_path / "x", Manifest(kind="t")) as work:
            (work / "a").write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert _names(tmp_path) == []


def _begin(path: Path, fingerprint: str, *names: str, fail: bool = True) -> list[str]:
    """Adds files to resumable work, which then fails; returns what it found there."""
    manifest = Manifest(kind="t", fingerprint=fingerprint)
    with new_folder(path, manifest, replace=True, resumable=True) as work:
        found = _names(work)
        for name in names:
            (work / name).write_text(name)
        if fail:
            raise KeyboardInterrupt
    return found


def test_resumable_work_is_given_out_again_for_the_same_fingerprint(tmp_path: Path):
    path = tmp_path / "x"
    with pytest.raises(KeyboardInterrupt):
        _begin(path, "one", "a")
    recover(tmp_path)
    assert not path.exists()
    assert len(unfinished(path)) == 1
    assert _begin(path, "other", "c", fail=False) == []
    assert _begin(path, "one", "b", fail=False) == ["a"]
    assert sorted(verify(path).files) == ["a", "b"]
    assert _names(tmp_path) == ["x"]
    assert _begin(path, "one", "b", fail=False) == []  # finished is finished


def test_what_a_kill_left_of_sealing_is_no_part_of_the_content(tmp_path: Path):
    path = tmp_path / "x"
    with pytest.raises(KeyboardInterrupt):
        _begin(path, "one", "a", store.MANIFEST, ".tmp-manifest.json-0badcafe")
    assert _begin(path, "one", "b", fail=False) == ["a"]
    assert sorted(verify(path).files) == ["a", "b"]


def test_resumable_work_of_another_fingerprint_is_dropped_on_request(tmp_path: Path):
    path = tmp_path / "x"
    for fingerprint in ("one", "two"):
        with pytest.raises(KeyboardInterrupt):
            _begin(path, fingerprint, "a")
    assert drop_unfinished(path, keep="one")
    assert not drop_unfinished(path, keep="one")
    assert _begin(path, "one", fail=False) == ["a"]


def test_an_existing_folder_is_not_overwritten_unasked(tmp_path: Path):
    _make(tmp_path / "x", "old")
    with pytest.raises(StoreError, match="exists already"):
        _make(tmp_path / "x", "new")
    assert (tmp_path / "x" / "a.txt").read_text() == "old"
    assert _names(tmp_path) == ["x"]


def test_replace_swaps_the_whole_folder(tmp_path: Path):
    _make(tmp_path / "x", "old")
    (tmp_path / "x" / "stray").write_text("of the old one")
    _make(tmp_path / "x", "new", replace=True)
    assert (tmp_path / "x" / "a.txt").read_text() == "new"
    assert not (tmp_path / "x" / "stray").exists()
    assert _names(tmp_path) == ["x"]


def test_the_old_folder_stays_when_its_replacement_fails(tmp_path: Path):
    _make(tmp_path / "x", "old")

    def fail() -> None:
        with new_folder(tmp_path / "x", Manifest(kind="t"), replace=True) as work:
            (work / "a.txt").write_text("new")
            raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        fail()
    verify(tmp_path / "x")
    assert (tmp_path / "x" / "a.txt").read_text() == "old"
    assert _names(tmp_path) == ["x"]


@posix
def test_what_is_written_has_the_rights_that_the_user_wants(tmp_path: Path):
    before = os.umask(0o027)
    try:
        _make(tmp_path / "x")
        write_file(tmp_path / "f", "text")
    finally:
        os.umask(before)
    rights = {p: (tmp_path / p).stat().st_mode & 0o777 for p in ("x", "x/manifest.json", "f")}
    assert rights == {"x": 0o750, "x/manifest.json": 0o640, "f": 0o640}


def test_every_flipped_bit_of_a_file_is_found(tmp_path: Path):
    _make(tmp_path / "x", "abc")
    file = tmp_path / "x" / "a.txt"
    for bit in range(24):
        content = bytearray(b"abc")
        content[bit // 8] ^= 1 << bit % 8
        file.write_bytes(content)
        with pytest.raises(DamagedError, match=r"a\.txt differs from its checksum"):
            verify(tmp_path / "x")
    file.write_bytes(b"abc")
    verify(tmp_path / "x")


def test_truncated_longer_and_missing_files_are_named(tmp_path: Path):
    _make(tmp_path / "x")
    file = tmp_path / "x" / "deep" / "b.bin"
    for size in (0, 255, 257):
        file.write_bytes(bytes(size))
        with pytest.raises(DamagedError, match=rf"b\.bin has {size} bytes instead of 256"):
            verify(tmp_path / "x")
    file.unlink()
    with pytest.raises(DamagedError, match=r"b\.bin is missing; .*--redo"):
        verify(tmp_path / "x")


def test_a_folder_without_manifest_was_never_finished(tmp_path: Path):
    assert read_manifest(tmp_path) is None
    with pytest.raises(DamagedError, match="never finished"):
        verify(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "3", '"x"', "{}", '{"kind": "k", "unknown": 1}'),
        '{"kind": "k", "files": [1]}',
        '{"kind": "k", "files": {"a": {"bytes": 1}}}',
        '{"kind": "k", "files": {"a": {"bxtes": 1, "sha256": ""}}}',
    ],
)
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(DamagedError, match=r"manifest\.json cannot be read .*--redo"):
        verify(tmp_path)


def test_every_flipped_bit_of_a_manifest_is_an_error_of_ours_or_harmless(tmp_path: Path):
    _make(tmp_path / "x")
    file = tmp_path / "x" / MANIFEST
    whole = file.read_bytes()
    for position in range(0, len(whole) * 8, 29):
        damaged = bytearray(whole)
        damaged[position // 8] ^= 1 << position % 8
        file.write_bytes(damaged)
        try:
            found = verify(tmp_path / "x")
        except DamagedError:
            continue
        assert found.files.keys() == {"a.txt", "deep/b.bin"}


def test_write_file_replaces_as_a_whole(tmp_path: Path):
    file = tmp_path / "new" / "f"
    write_file(file, "old\n")
    write_file(file, b"\xff")
    assert file.read_bytes() == b"\xff"
    write_json(file, {"ä": [1]})
    assert json.loads(file.read_text("utf-8")) == {"ä": [1]}
    assert _names(file.parent) == ["f"]


def test_write_file_keeps_the_old_content_when_it_fails(tmp_path: Path, monkeypatch):
    write_file(tmp_path / "f", "old")

    def fail(*_: object) -> None:
        raise OSError("broken")

    monkeypatch.setattr(store.os, "replace", fail)
    with pytest.raises(OSError, match="broken"):
        write_file(tmp_path / "f", "new")
    assert (tmp_path / "f").read_text() == "old"
    assert _names(tmp_path) == ["f"]


def test_recover_removes_what_was_unfinished(tmp_path: Path):
    _make(tmp_path / "x")
    (tmp_path / ".tmp-y-1").mkdir()
    (tmp_path / ".tmp-y-1" / "part").write_text("half")
    (tmp_path / ".tmp-f-2").write_text("half")
    (tmp_path / "mine.txt").write_text("not the store's")
    recover(tmp_path)
    assert _names(tmp_path) == ["mine.txt", "x"]
    verify(tmp_path / "x")


def test_recover_puts_back_what_was_moved_aside(tmp_path: Path):
    _make(tmp_path / "x", "old")
    os.rename(tmp_path / "x", tmp_path / ".old-x")
    recover(tmp_path)
    assert _names(tmp_path) == ["x"]
    assert (tmp_path / "x" / "a.txt").read_text() == "old"


def test_recover_drops_what_was_replaced(tmp_path: Path):
    _make(tmp_path / ".old-x", "old")
    _make(tmp_path / "x", "new")
    recover(tmp_path)
    recover(tmp_path)
    assert _names(tmp_path) == ["x"]
    assert (tmp_path / "x" / "a.txt").read_text() == "new"


def test_a_lock_keeps_others_out_and_names_its_holder(tmp_path: Path):
    with locked(tmp_path / "run"):
        result = _run(
            """
            import sys
            from pathlib import Path
            from textus.errors import LockedError
            from textus.store import locked
            try:
                with locked(Path(sys.argv[1])):
                    print("in")
            except LockedError as error:
                print(error)
            """,
            tmp_path / "run",
        )
        assert f"another process (number {os.getpid()} on " in result.stdout, result.stderr
        with pytest.raises(LockedError), locked(tmp_path / "run"):
            pass
    with locked(tmp_path / "run"):
        pass


@posix
def test_a_killed_process_lets_go_of_its_lock(tmp_path: Path):
    result = _run(
        """
        import os, signal, sys
        from pathlib import Path
        from textus.store import locked
        with locked(Path(sys.argv[1])):
            print("held", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        tmp_path,
    )
    assert (result.stdout, result.returncode) == ("held\n", -signal.SIGKILL)
    with locked(tmp_path):
        pass


_KILL = """
    import os, signal, sys
    from pathlib import Path
    from textus.store import Manifest, new_folder, write_file

    target, work = Path(sys.argv[1]), sys.argv[2]
    left = 0

    def attempt():
        if work == "file":
            write_file(target, "new" * 1000)
            return
        with new_folder(target, Manifest(kind="test"), replace=True) as folder:
            (folder / "a.txt").write_text("new")
            (folder / "deep").mkdir()
            (folder / "deep" / "b.bin").write_bytes(b"new")

    def deadly(call):
        def instead(*arguments, **options):
            global left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)
        return instead

    # Whatever changes the file system is a chance to be killed at.
    for name in ("mkdir", "open", "fsync", "rename", "replace", "rmdir", "unlink"):
        setattr(os, name, deadly(getattr(os, name)))
    chance = 1
    while True:  # each chance is taken in a child, so that one start of Python serves them all
        child = os.fork()
        if child == 0:
            left = chance
            attempt()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(chance, os.waitstatus_to_exitcode(status), flush=True)
        if sys.stdin.readline() != "next\\n":
            break
        chance += 1
"""


def _kill_at_every_call(
    target: Path, work: str, prepare: Callable[[], object], check: Callable[[], object]
) -> int:
    """Lets processes work on `target`, killed at the first call, the second, ...; how many were."""
    command = [sys.executable, "-c", textwrap.dedent(_KILL), target, work]
    prepare()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        for line in process.stdout:
            number, code = map(int, line.split())
            check()
            if code == 0:
                process.stdin.write("stop\n")
                process.stdin.flush()
                return number - 1
            assert code == -signal.SIGKILL
            prepare()
            process.stdin.write("next\n")
            process.stdin.flush()
    raise AssertionError("the process ended by itself")


@posix
def test_a_folder_is_whole_wherever_its_process_is_killed(tmp_path: Path):
    target, seen = tmp_path / "x", []

    def check() -> None:
        recover(tmp_path)
        verify(target)
        seen.append((target / "a.txt").read_text())
        assert _names(tmp_path) == ["x"]

    def prepare() -> None:
        _make(target, "old", replace=True)

    killed = _kill_at_every_call(target, "folder", prepare, check)
    assert killed >= 12
    assert seen[0] == "old"
    assert seen[-1] == "new"
    assert seen == sorted(seen, reverse=True)  # old until some call, new from then on


@posix
def test_a_file_is_whole_wherever_its_process_is_killed(tmp_path: Path):
    target, seen = tmp_path / "f", []

    def check() -> None:
        recover(tmp_path)
        seen.append(target.read_text()[:3])
        assert target.read_text() in ("old", "new" * 1000)
        assert _names(tmp_path) == ["f"]

    killed = _kill_at_every_call(target, "file", lambda: write_file(target, "old"), check)
    assert killed >= 3
    assert seen == sorted(seen, reverse=True)
    assert set(seen) == {"old", "new"}


@posix
@pytest.mark.parametrize("work", ["file", "folder", "caller"])
def test_a_full_disk_is_explained_and_leaves_nothing(tmp_path: Path, work: str):
    result = _run(
        """
        import resource, sys
        from pathlib import Path
        from textus.errors import StoreError
        from textus.store import Manifest, new_folder, write_file

        target, work = Path(sys.argv[1]), sys.argv[2]
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            if work == "file":
                write_file(target, "x" * 5000)
            else:
                with new_folder(target, Manifest(kind="t")) as folder:
                    for i in range(30):  # a small file each, but a manifest above the limit
                        size = 5000 if work == "caller" else 1
                        (folder / f"file-{i}").write_bytes(bytes(size))
        except StoreError as error:
            print(error)
        """,
        tmp_path / "x",
        work,
    )
    assert "no room to write" in result.stdout, result.stderr
    assert "Free some space" in result.stdout
    assert _names(tmp_path) == []
