"""A preview of an import, or what one has done, as one self-contained HTML page for those who have to approve it."""

import base64
import hashlib

from importing.preview.preview import Preview
from importing.report.markup import Html, text
from importing.report.script import SCRIPT
from importing.report.sections import Occasion, Section, sections_of
from importing.report.style import STYLE


def report_page(preview: Preview, occasion: Occasion) -> str:
    """The whole page. It needs no network, and is never so large that a browser would open it slowly."""
    sections = sections_of(preview, occasion)
    return _PAGE.format(
        policy=_POLICY,
        title=text(_title(preview)),
        style=STYLE,
        script=SCRIPT,
        head=_head(preview, occasion),
        links="".join(map(_link, sections)),
        sections="\n".join(map(_section, sections)),
    )


def _title(preview: Preview) -> str:
    return f"{'Preview of the import' if preview.is_rehearsed else 'Import'} of {preview.file}"


def _link(section: Section) -> Html:
    count = f" <b>{section.count:,}</b>" if section.count else ""
    return f'<li><a href="#{section.name}">{section.link}{count}</a></li>'


def _section(section: Section) -> Html:
    count = f' <span class="count">{section.count:,}</span>' if section.count else ""
    return (
        f'<section id="{section.name}" aria-labelledby="{section.name}-heading">\n'
        f'<h2 id="{section.name}-heading">{section.heading}{count} <span class="found"></span></h2>\n'
        f"{section.body}\n</section>"
    )


# The head ------------------------------------------------------------------------------------------------------------


def _head(preview: Preview, occasion: Occasion) -> Html:
    facts = {
        "Organization": preview.organization,
        "User": preview.user,
        "Made": f"{occasion.made:%Y-%m-%d %H:%M} UTC",
        "Map": preview.map_name,
        "Read as": preview.form,
        "Plan": preview.plan_id,
    }
    told = "".join(
        f"<div><dt>{name}</dt><dd><bdi>{text(fact)}</bdi></dd></div>" for name, fact in facts.items() if fact
    )
    return f'<h1><bdi>{text(_title(preview))}</bdi></h1>\n{_state(preview, occasion)}\n<dl class="facts">{told}</dl>'


def _state(preview: Preview, occasion: Occasion) -> Html:
    """Whether this has happened, and the command to make it happen or to take it back."""
    if preview.is_rehearsed:
        words, what = "This is a dry run: nothing was written to Close.", "To carry out exactly this plan"
    else:
        words, what = f"This import was {'begun' if occasion.ended_early else 'carried out'}.", "To take it back"
    ended = f'<p class="alert">It ended early: {text(occasion.ended_early)}</p>' if occasion.ended_early else ""
    command = f"<p>{what}: <code>{text(occasion.next_command)}</code></p>" if occasion.next_command else ""
    return f'<p class="state">{words}</p>{ended}{command}'


# The page ------------------------------------------------------------------------------------------------------------


def _digest(content: str) -> str:
    """What allows an element with this content, and no other, in a content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


_POLICY = (
    f"default-src 'none'; style-src {_digest(STYLE)}; script-src {_digest(SCRIPT)}; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
{head}
</header>
<nav aria-label="Parts of this page">
<div class="search" hidden><label for="search">Search</label>
<input id="search" type="search" autocomplete="off" spellcheck="false" aria-describedby="found"><kbd>/</kbd></div>
<p id="found" role="status"></p>
<ul>{links}</ul>
</nav>
<main>
{sections}
</main>
<script>{script}</script>
</body>
</html>
"""
