"""The pictures of README and docs: small, complete in themselves, and without a trace of the machine that made them."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import main

PICTURES = Path(main.__file__).parent / "docs" / "pictures"
DRAWINGS = sorted(path.name for path in PICTURES.glob("*.svg"))


def test_all_pictures_are_there_and_small() -> None:
    sizes = {path.name: path.stat().st_size for path in PICTURES.iterdir()}
    pages = {"page.png", "sandbox.png", "report.png", "report_narrow.png"}
    assert sizes.keys() == {"terminal.svg", "rejects.svg", "chart.png"} | pages
    assert max(sizes.values()) < 200_000
    assert max(sizes[name] for name in DRAWINGS) < 20_000


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_needs_nothing_else_and_tells_nothing_of_its_machine(name: str) -> None:
    drawing = (PICTURES / name).read_text(encoding="utf-8")
    tags = {element.tag.split("}")[1] for element in ElementTree.fromstring(drawing).iter()}
    assert tags <= {"svg", "title", "g", "rect", "circle", "path", "text"}
    assert re.findall(r"https?://[^\"]+", drawing) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"href|url\(|/home/|/root/|/tmp/|/Users/|/work/", drawing)
