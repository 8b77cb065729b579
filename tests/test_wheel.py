"""What people install from is complete."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_wheel_builds_and_works_from_its_own_files(tmp_path: Path):
    _run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", tmp_path, ROOT])
    (wheel,) = tmp_path.glob("textus-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    source = {p.relative_to(ROOT / "src").as_posix() for p in (ROOT / "src").rglob("*.py")}
    assert source <= names
    assert {"textus/py.typed", "textus/interpret/report.html.jinja"} <= names
    code = "import textus.cli, textus; print(textus.__file__); textus.cli.main(['--help'])"
    said = _run([sys.executable, "-c", code], cwd=tmp_path / "site").stdout
    assert str(tmp_path) in said
    assert "from token to text" in said


def _run(command: list[object], cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result
