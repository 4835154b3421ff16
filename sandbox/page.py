"""An overview of the sandbox as one HTML page, complete in itself. Whatever leads hold, it is shown as text."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from urllib.parse import urlencode

from sandbox.answers import Document
from sandbox.overview import LeadShown, Overview, name_of

LONGEST_TEXT = 1000  # characters of one value; what is longer is cut, and says so
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def page(overview: Overview, lag: float) -> str:
    """The HTML of an overview. `lag` is how many seconds search is behind it."""
    return _PAGE.format(
        style=STYLE,
        people=_people(overview),
        lag=_lag(lag),
        counts="".join(_count(what, count) for what, count in overview.counts.items()),
        sought=escape(_visible(overview.sought)),
        all_leads='<a href="/">All leads</a>' if overview.sought else "",
        which=_which(overview),
        leads="".join(map(_lead, overview.leads)) or '<p class="faint">There are no leads to show.</p>',
        pages=_pages(overview),
        fields=_fields(overview),
        statuses=_table(
            ("Status", "Leads"),
            [(_named(each["label"], each), _number(overview.leads_by_status, each)) for each in overview.statuses],
        ),
    )


def _people(overview: Overview) -> str:
    users = ", ".join(f"{_text(name_of(user))} ({_text(user['email'])})" for user in overview.users)
    return f"Organization: {_text(overview.organization['name'])}. Users: {users}."


def _lag(seconds: float) -> str:
    if not seconds:
        return ""
    behind = "1 second" if seconds == 1 else f"{seconds:g} seconds"
    return f"<p>Search shows a change only after {behind}, so a program may find less than you see here.</p>"


def _count(what: str, count: int) -> str:
    anchor = {"leads": "leads", "custom fields": "fields", "statuses": "statuses"}.get(what)
    name = f'<a href="#{anchor}">{what}</a>' if anchor else what
    return f"<div><dt>{name}</dt><dd>{count:,}</dd></div>"


def _which(overview: Overview) -> str:
    """Which leads are on the page, of how many."""
    number = f"{overview.found:,} {'lead' if overview.found == 1 else 'leads'}"
    of_all = f" of {overview.counts['leads']:,} with {_text(overview.sought)}" if overview.sought else ""
    where = f"; page {overview.page:,} of {overview.pages:,}" if overview.pages > 1 else ""
    return f"{number}{of_all}, newest first{where}"


# Leads ---------------------------------------------------------------------------------------------------------------


def _lead(shown: LeadShown) -> str:
    """A lead: its names at the top, below them people, values and history side by side."""
    lead = shown.lead
    states = dict.fromkeys(address["state"] for address in lead["addresses"] if address.get("state"))
    beside = "".join(f'<span class="state">{_text(state)}</span>' for state in states)
    history = "".join(_history(shown))
    columns = (
        _column("Contacts", "".join(map(_contact, lead["contacts"])), "ul"),
        _column("Fields", "".join(_facts(shown)), "dl"),
        _column("History", history, "ul") if history else "",
    )
    return (
        f'<article><h3>{_text(lead["display_name"])}</h3><p class="status">{_text(lead["status_label"])}</p>{beside}'
        f'<div class="columns">{"".join(columns)}</div>{_stamps(lead)}</article>'
    )


def _column(title: str, items: str, tag: str) -> str:
    content = f"<{tag}>{items}</{tag}>" if items else '<p class="faint">none</p>'
    return f"<section><h4>{title}</h4>{content}</section>"


def _stamps(lead: Document) -> str:
    updated = "" if lead["date_updated"] == lead["date_created"] else f", updated {_moment(lead['date_updated'])}"
    created = _moment(lead["date_created"])
    return f'<p class="stamps"><span>created {created}{updated}</span> {_id(lead)}</p>'


def _contact(contact: Document) -> str:
    title = f", {_text(contact['title'])}" if contact["title"] else ""
    ways = [
        *(_text(email["email"]) for email in contact["emails"]),
        *(_text(phone["phone"]) for phone in contact["phones"]),
        *(_text(url["url"]) for url in contact["urls"]),
    ]
    name = _text(contact["name"]) if contact["name"] else '<span class="faint">without a name</span>'
    return f"<li><b>{name}</b>{title}{''.join(f'<br>{way}' for way in ways)}</li>"


def _facts(shown: LeadShown) -> Iterable[str]:
    """What any lead may have, and the custom fields that are filled."""
    lead = shown.lead
    own = [
        *(("Address", [_address(address)]) for address in lead["addresses"]),
        *((name, [lead[key]]) for name, key in (("URL", "url"), ("Description", "description")) if lead[key]),
    ]
    for name, values in [*own, *shown.values]:
        yield f"<div><dt>{_text(name)}</dt><dd>{'<br>'.join(map(_text, values))}</dd></div>"


def _address(address: Document) -> str:
    parts = ("address_1", "address_2", "city", "state", "zipcode", "country")
    return ", ".join(address[part] for part in parts if address.get(part))


def _history(shown: LeadShown) -> Iterable[str]:
    """Notes, changes of status and other activities by their dates; then tasks and opportunities."""
    for activity in sorted(shown.activities, key=lambda activity: str(activity["activity_at"])):
        yield f"<li>{_moment(activity['activity_at'])} {_activity(activity)}</li>"
    for task in shown.tasks:
        done = "done" if task["is_complete"] else "open"
        yield f"<li><b>Task</b>, {done}, for {_text(task['date'] or 'no day')}: {_text(task['text'])}</li>"
    for each in shown.opportunities:
        worth = "" if each["value"] is None else f", {each['value']} {each['value_currency']}"
        yield f"<li><b>Opportunity</b>, {_text(each['status_label'])}{_text(worth)}: {_text(each['note'])}</li>"


def _activity(activity: Document) -> str:
    if activity["_type"] == "Note":
        title = f"{_text(activity['title'])}: " if activity["title"] else ""
        return f"<b>Note</b> {title}{_text(activity['note'])}"
    if activity["_type"] == "LeadStatusChange":
        return f"<b>Status</b> {_text(activity['old_status_label'])} → {_text(activity['new_status_label'])}"
    if activity["_type"] == "LeadMerge":
        return f"<b>Merged</b> with {_text(activity['source_lead_id'])}"
    return f"<b>{_text(activity['_type'])}</b>"


# Pages and tables ----------------------------------------------------------------------------------------------------


def _pages(overview: Overview) -> str:
    """Links to the pages before and after, and to the first and the last."""
    here, last = overview.page, overview.pages
    if last == 1:
        return ""
    steps = {"First": 1, "Previous": max(1, here - 1), "Next": min(last, here + 1), "Last": last}
    links = " ".join(_page_link(name, number, overview) for name, number in steps.items())
    return f'<nav aria-label="Pages">{links} <span class="faint">page {here:,} of {last:,}</span></nav>'


def _page_link(name: str, number: int, overview: Overview) -> str:
    if number == overview.page:
        return f'<span class="faint">{name}</span>'
    query = urlencode({**({"q": overview.sought} if overview.sought else {}), "page": number})
    return f'<a href="/?{escape(query)}">{name}</a>'


def _fields(overview: Overview) -> str:
    if not overview.fields:
        return '<p class="faint">There are no custom fields.</p>'
    rows = [
        (_named(each["name"], each), _number(overview.leads_by_field, each), _type(each)) for each in overview.fields
    ]
    return _table(("Name", "Leads", "Type"), rows)


def _type(field: Document) -> str:
    """The type of a custom field, and below it the choices if it has any."""
    several = ", several values" if field["accepts_multiple_values"] else ""
    return "<br>".join([_text(field["type"]) + several, *(f"– {_text(choice)}" for choice in field["choices"] or [])])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    names = "".join(f'<th scope="col">{name}</th>' for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


# Texts ---------------------------------------------------------------------------------------------------------------


def _named(name: str, thing: Document) -> str:
    return f"{_text(name)}<br>{_id(thing)}"


def _number(counts: Mapping[str, int], thing: Document) -> str:
    return f"{counts.get(thing['id'], 0):,}"


def _id(thing: Document) -> str:
    return f"<code>{escape(thing['id'])}</code>"


def _moment(moment: str) -> str:
    """The second of a moment in UTC."""
    return f"<time>{escape(moment[:19].replace('T', ' '))}</time>"


def _text(text: str) -> str:
    """A text that runs in its own direction and can't be anything but text. What can't be seen in it is spelled out."""
    kept, more = text[:LONGEST_TEXT], len(text) - LONGEST_TEXT
    parts = UNSEEN.split(kept.replace("\r\n", "\n"))
    marks = [f'<i class="unseen">{_code(mark)}</i>' for mark in UNSEEN.findall(kept.replace("\r\n", "\n"))]
    shown = "".join(escape(part) + mark for part, mark in zip(parts, [*marks, ""], strict=True))
    return f"<bdi>{shown}</bdi>" + (f' <span class="faint">… and {more:,} more characters</span>' if more > 0 else "")


def _visible(text: str) -> str:
    return UNSEEN.sub(lambda mark: _code(mark[0]), text)


def _code(character: str) -> str:
    return f"U+{ord(character):04X}"


STYLE = """\
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #57606a; --paper: #fff; --line: #d8dee4; --pill: #eef2f6;
  --link: #0b5cad; --odd: #a3341f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --faint: #9aa5b1; --paper: #14181d; --line: #313942;
  --pill: #262d35; --link: #7db7f5; --odd: #ff9b85; } }
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 76rem; padding: 0 1.5rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .3rem; }
h3 { font-size: 1.05rem; margin: 0; display: inline; } p { margin: .2rem 0; }
a { color: var(--link); }
.faint, time, .stamps, .about, h4, dt, th, code { color: var(--faint); }
.counts { display: flex; flex-wrap: wrap; gap: .4rem 2rem; margin: 1.2rem 0; }
.counts dd { font-size: 1.25rem; font-variant-numeric: tabular-nums; }
dl, ul, dd { margin: 0; padding: 0; } ul { list-style: none; } dt { font-size: .85rem; }
form { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; margin: .6rem 0; }
input, button { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--faint);
  border-radius: .3rem; padding: .3rem .6rem; }
input { flex: 1 1 10rem; max-width: 24rem; min-width: 0; } button { background: var(--pill); cursor: pointer; }
article { border-top: 1px solid var(--line); padding: .8rem 0; }
article > .status, .state { display: inline-block; background: var(--pill); border-radius: 1rem; padding: 0 .6rem;
  margin: 0 0 0 .5rem; font-size: .85rem; }
.columns { display: grid; grid-template-columns: 1fr 1fr 1.2fr; gap: .5rem 2rem; margin: .4rem 0; }
h4 { font-size: .75rem; font-weight: 600; letter-spacing: .04em; text-transform: uppercase; margin: 0 0 .1rem; }
.columns li + li { margin-top: .35rem; } .columns dl div { display: flex; gap: .6rem; align-items: baseline; }
.columns dt { flex: 0 0 38%; } .columns dd { flex: 1; min-width: 0; }
bdi { white-space: pre-wrap; } time { font-size: .85rem; font-variant-numeric: tabular-nums; }
.stamps, code { font-size: .8rem; } .stamps time { font-size: inherit; }
.stamps { display: flex; flex-wrap: wrap; column-gap: .8rem; }
code { font-family: ui-monospace, Menlo, Consolas, monospace; }
.unseen { color: var(--odd); font: .8em ui-monospace, Menlo, Consolas, monospace; border: 1px solid; padding: 0 .2em;
  border-radius: .2em; }
nav { border-top: 1px solid var(--line); padding: .8rem 0; } nav > * { margin-inline-end: 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: start; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; font-size: .85rem; } th, td:nth-child(2) { overflow-wrap: normal; }
th:first-child { width: 26rem; }
@media screen and (max-width: 48rem) { body { margin: 1rem auto; padding: 0 .9rem; } h1 { font-size: 1.3rem; }
  .columns { grid-template-columns: 1fr; } th:first-child { width: 45%; } th:nth-child(2) { width: 3.5rem; }
  table { table-layout: fixed; } .counts { gap: .3rem 1.3rem; } .counts dd { font-size: 1.05rem; } }
@media print { html { font-size: 9pt; } body { margin: 0; padding: 0; max-width: none; font-size: 1rem; }
  form, nav { display: none; }
  .columns { column-gap: 1rem; } article, tr { break-inside: avoid; } h2, h3 { break-after: avoid; } }
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Leads in the sandbox</title>
<style>{style}</style>
</head>
<body>
<h1>Leads in the sandbox</h1>
<div class="about">
<p>This is a stand-in for Close on this computer, not Close itself. Times are in UTC. {people}</p>
{lag}
</div>
<dl class="counts">{counts}</dl>
<main>
<h2 id="leads">Leads</h2>
<form action="/" role="search">
<input type="search" name="q" value="{sought}" aria-label="Words to look for"
 placeholder="Name, e-mail, phone, value or note">
<button>Search</button> {all_leads}
</form>
<p class="faint">{which}</p>
{leads}
{pages}
<h2 id="fields">Custom fields</h2>
{fields}
<h2 id="statuses">Statuses</h2>
{statuses}
</main>
</body>
</html>
"""
