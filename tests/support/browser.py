"""Chromium without a window, spoken to by its own protocol (CDP) over a WebSocket."""

import asyncio
import base64
import shutil
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from tests.support.eventually import eventually

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
END_SECONDS_MAX = 10.0


class Page:
    """One tab. What its scripts throw, and what it says on the console, is in `complaints`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last = 0
        self.complaints: list[str] = []

    async def open(self, url: str) -> None:
        await self.command("Runtime.enable")
        await self.command("Page.enable")
        await self.command("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def run(self, script: str) -> Any:
        """The value of an expression; of a promise, what it becomes."""
        done = await self.command(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    async def until(self, script: str) -> Any:
        return await eventually(lambda: self.run(script), seconds=20)

    async def fill(self, name: str, text: str) -> None:
        """Types into an input, as a person would."""
        await self.run(f"document.querySelector('[name={name}]').select()")
        await self.command("Input.insertText", text=text)

    async def click(self, selector: str) -> None:
        await self.run(f"document.querySelector({msgspec.json.encode(selector).decode()}).click()")

    async def screenshot(self, path: Path) -> None:
        picture = await self.command("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(picture["data"]))

    async def command(self, method: str, **parameters: Any) -> Any:
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json()
            self._note(message)
            if message.get("id") == self._last:
                assert "error" not in message, message["error"]
                return message["result"]

    def _note(self, message: Any) -> None:
        if message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(message["params"]["exceptionDetails"]))
        elif message.get("method") == "Runtime.consoleAPICalled":
            self.complaints.append(str(message["params"]["args"]))


@asynccontextmanager
async def open_page(profile: Path) -> AsyncIterator[Page]:
    """Skips the test where there is no Chromium."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("Chromium is not installed.")
    process = await asyncio.create_subprocess_exec(
        program,
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--no-first-run", "--disable-background-networking", "--no-proxy-server"),
        *("--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"),
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        port = await _port(profile)
        async with aiohttp.ClientSession() as http:
            async with http.get(f"http://127.0.0.1:{port}/json/list") as answer:
                [tab] = [one for one in await answer.json() if one["type"] == "page"]
            url = tab["webSocketDebuggerUrl"]
            async with http.ws_connect(url, max_msg_size=64 * 2**20) as socket:
                yield Page(socket)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), END_SECONDS_MAX)


async def _port(profile: Path) -> int:
    """Which it writes down when it listens."""
    file = profile / "DevToolsActivePort"

    async def written() -> str:
        return file.read_text() if file.exists() else ""

    return int((await eventually(written)).split("\n")[0])
