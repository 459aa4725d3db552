"""What a page must be for everybody who reads it: fitting, reachable by keyboard, and named.

Names, roles, contrast and order are judged by axe-core, with all of its rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

_AXE = Axe()

_STRUCTURE = """() => {
  const faults = [];
  const policy = document.querySelector('meta[http-equiv="Content-Security-Policy"]');
  if (!(policy && policy.content.includes("default-src 'none'")))
    faults.push("no policy that forbids requests");
  for (const element of document.querySelectorAll("*"))
    for (const { name, value } of element.attributes) {
      if (name.startsWith("on")) faults.push(`a handler: ${element.tagName} ${name}`);
      if (/^(href|src|action)$/.test(name) && !/^(#|https:)/.test(value))
        faults.push(`an address: ${element.tagName} ${name}=${value.slice(0, 80)}`);
    }
  const width = document.documentElement.scrollWidth;
  if (width > WIDTH) {
    const wide = [...document.body.querySelectorAll("*")]
      .filter((element) => element.getBoundingClientRect().right > WIDTH + 1)
      .map((element) => `${element.tagName}${element.id ? "#" + element.id : ""}`);
    faults.push(`${width} pixels wide, which scrolls sideways: ${wide.slice(0, 5).join(", ")}`);
  }
  for (const element of document.body.querySelectorAll("*"))
    if (element.childNodes.length && parseFloat(getComputedStyle(element).fontSize) < SMALLEST)
      faults.push(`letters too small to read: ${element.tagName}`);
  return [...new Set(faults)];
}"""
_SMALLEST = 12  # CSS pixels of a letter

# Each stop of the Tab key gets a number, in the order of the document.
_STOPS = """() => {
  const stops = [...document.querySelectorAll("*")].filter((element) =>
    element.tabIndex >= 0 && !element.disabled && element.getClientRects().length);
  stops.forEach((element, number) => { element.__stop = number; });
  return stops.map((stop) => `${stop.tagName} ${stop.id || stop.textContent.slice(0, 40)}`);
}"""
_FOCUSED = """() => {
  const element = document.activeElement;
  if (element.__stop === undefined) return null;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  return {
    stop: element.__stop,
    marked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
    inside: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""


def structure(page: Page, width: int) -> list[str]:
    """Return what is wrong with the elements of *page* in a window of *width* CSS pixels."""
    script = _STRUCTURE.replace("WIDTH", str(width)).replace("SMALLEST", str(_SMALLEST))
    faults: list[str] = page.evaluate(script)
    return faults


def keyboard(page: Page) -> list[str]:
    """Return which stops of the Tab key are not reached, not marked or not in sight."""
    names: list[str] = page.evaluate(_STOPS)
    reached: dict[int, dict[str, Any]] = {}
    for _ in range(len(names) + 1):
        page.keyboard.press("Tab")
        focus = page.evaluate(_FOCUSED)
        if focus is not None:
            reached[focus["stop"]] = focus
    return [
        f"the Tab key {fault}: {name}"
        for number, name in enumerate(names)
        for fault in _faults_of_stop(reached.get(number))
    ]


def _faults_of_stop(focus: dict[str, Any] | None) -> Iterator[str]:
    if focus is None:
        yield "does not reach it"
        return
    if not focus["marked"]:
        yield "leaves no mark on it"
    if not focus["inside"]:
        yield "does not bring it into sight"


def accessibility(page: Page) -> list[str]:
    """Return what axe-core objects to."""
    results = _AXE.run(page)
    return [
        f"axe {rule['id']}: {rule['help']}: {node['html'][:160]}"
        for rule in results.response["violations"]
        for node in rule["nodes"][:3]
    ]
