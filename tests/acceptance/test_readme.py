"""The README's Python runs as printed, on what `make run` starts."""

import re
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import msgspec

from tests.support.service import Service

README = Path(__file__).parents[2] / "README.md"


def printed_python() -> str:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert blocks
    return str(blocks[0])


async def test_the_python_of_the_readme(local_backstory: Service, tmp_path: Path) -> None:
    credentials = {
        "base_url": local_backstory.base_url,
        "api_key": local_backstory.api_key,
        "admin_key": local_backstory.admin_key,
    }
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "credentials.json").write_bytes(msgspec.json.encode(credentials))
    program = await create_subprocess_exec(
        sys.executable, "-c", printed_python(), cwd=tmp_path, stdout=PIPE, stderr=STDOUT
    )
    output, _ = await program.communicate()
    assert program.returncode == 0, output.decode()
    assert "I keep bees" in output.decode()
