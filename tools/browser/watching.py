"""What a page does that it must not: scripts of the data, errors, requests, windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Dialog, Page, Request

_LOUD = ("error", "warning")


class Watch:
    """Collects in *faults* whatever *page* does besides showing itself at *address*."""

    def __init__(self, page: Page, address: str) -> None:
        self.faults: list[str] = []
        self._address = address
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._note("a script failed", error))
        page.on("dialog", self._dialog)
        page.on("request", self._request)
        page.on("popup", lambda popup: self._note("a window was opened", popup.url))
        page.on("download", lambda download: self._note("a download was started", download.url))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in _LOUD:
            self._note(f"console {message.type}", message.text)

    def _dialog(self, dialog: Dialog) -> None:
        self._note("a script of the data ran", dialog.message)
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        if request.url != self._address:
            self._note("a request left the page", request.url)

    def _note(self, what: str, detail: object) -> None:
        self.faults.append(f"{what}: {str(detail)[:200]}")
