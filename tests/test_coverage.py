"""docs/coverage.md is what tools/coverage.py writes."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_page_is_up_to_date() -> None:
    found = subprocess.run(
        [sys.executable, ROOT / "tools" / "coverage.py", "--check"], capture_output=True, text=True, cwd=ROOT
    )
    assert found.returncode == 0, found.stderr


def test_a_page_out_of_date_is_noticed(tmp_path: Path) -> None:
    """The check compares with what is there, and a name that goes missing changes the page."""
    script = f"""
import sys
sys.path[:0] = [{str(ROOT / "tools")!r}]
import coverage, rushlight
before = coverage.page()
del rushlight.nn.Linear
after = coverage.page()
assert before != after and "**torch.nn**" in after and "`Linear`." in after
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
