"""How a report looks: on a wide screen, on a telephone, in the dark, and on paper."""

STYLE = """
:root { --ink: #1b1f24; --muted: #57606a; --line: #d8dee4; --rule: #57606a; --paper: #fff; --panel: #f6f8fa;
  --link: #0969da; --bad: #b3261e; --alert: #9a6700; --track: #e4e8ec;
  --filled: #2f6f8f; --lost: #c93c37;
  --created: #1f7a4d; --updated: #2f6fb0; --unchanged: #7d8590; --skipped: #8a63b8;
  --rejected: #c93c37; --failed: #8c1d18; --undetermined: #a87400; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --muted: #9da7b3; --line: #30363d; --rule: #8b949e; --paper: #0d1117; --panel: #161b22;
    --link: #6cb6ff; --bad: #ff8a80; --alert: #e3b341; --track: #2a313a;
    --filled: #58a6c9; --lost: #f0716b;
    --created: #46b37b; --updated: #6aa9e9; --unchanged: #8b949e; --skipped: #b592e6;
    --rejected: #f0716b; --failed: #d9534f; --undetermined: #e3b341; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 4.5rem; }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 82rem; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1rem 0 .4rem; } h4 { font-size: .85rem; margin: .6rem 0 .2rem; color: var(--muted); }
p { margin: .4rem 0; }
a { color: var(--link); }
code { font: .92em/1.4 ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.value { background: var(--panel); border: 1px solid var(--line); border-radius: 3px; padding: 0 .25em;
  white-space: pre-wrap; box-decoration-break: clone; -webkit-box-decoration-break: clone; }
.value:empty { display: none; }
.row, .reason, .kind, .share, .none { color: var(--muted); font-size: .9em; }
.pill { display: inline-block; border: 1px solid currentColor; border-radius: 1em; padding: 0 .55em; font-size: .82em;
  white-space: nowrap; color: var(--muted); }
.pill.new, .pill.updated { color: var(--updated); } .pill.lost { color: var(--bad); }
.pill.created { color: var(--created); } .pill.skipped { color: var(--skipped); }
.pill.rejected, .pill.failed { color: var(--bad); } .pill.undetermined { color: var(--alert); }
.state { font-weight: 600; } .alert { color: var(--bad); font-weight: 600; }
.more { color: var(--alert); } .paper { display: none; }
em { color: var(--bad); font-style: normal; }

.facts { display: flex; flex-wrap: wrap; gap: .4rem 2rem; margin: .8rem 0 1rem; }
dt { color: var(--muted); font-size: .85rem; } dd { margin: 0; overflow-wrap: anywhere; }
nav { position: sticky; top: 0; z-index: 2; background: var(--paper); border-block: 1px solid var(--line);
  padding: .5rem 0; display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; align-items: center; }
nav ul { list-style: none; display: flex; gap: .2rem 1.1rem; flex-wrap: wrap; margin: 0; padding: 0; }
nav a { text-decoration: none; white-space: nowrap; } nav a:hover { text-decoration: underline; }
nav b, .count { font-variant-numeric: tabular-nums; }
nav b, h2 .count { color: var(--muted); font-weight: 400; }
.search { display: flex; gap: .5rem; align-items: center; } .search[hidden] { display: none; }
.search label { font-weight: 600; }
input { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--rule); border-radius: 6px;
  padding: .3rem .6rem; width: 17rem; max-width: 100%; }
kbd { border: 1px solid var(--line); border-radius: 4px; padding: 0 .4rem; color: var(--muted); font-size: .85rem; }
#found { margin: 0; } #found:empty { display: none; }
.found { color: var(--link); font-size: .85rem; font-weight: 400; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }

#decisions { border: 1px solid var(--line); border-inline-start: 5px solid var(--undetermined); border-radius: 6px;
  padding: .2rem 1.2rem .8rem; margin-top: 1.5rem; background: var(--panel); }
#decisions h2 { margin-top: .7rem; }
ol, ul { padding-inline-start: 1.4rem; margin: .4rem 0; } main li { margin: .35rem 0; overflow-wrap: anywhere; }

.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
caption, .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { padding: .4rem .6rem; text-align: start; vertical-align: top; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
th { border-bottom: 2px solid var(--rule); overflow-wrap: normal; font-weight: 600; }
th[data-sort=number]:not(:first-child), .outcomes td:nth-child(2), .outcomes td:nth-child(3),
.left-columns td:last-child, .columns td:nth-child(5), .columns td:nth-child(6) {
  text-align: end; font-variant-numeric: tabular-nums; }
.columns th:nth-child(3), .columns th:nth-child(4) { text-align: start; }
tbody tr:hover > td { background: var(--panel); }
tr[hidden], details[hidden] { display: none !important; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer;
  text-align: inherit; }
th button::after { content: "\\2195"; color: var(--muted); font-weight: 400; padding-inline-start: .3em; }
th[aria-sort=ascending] button::after { content: "\\2191"; color: inherit; }
th[aria-sort=descending] button::after { content: "\\2193"; color: inherit; }

.bar { display: block; width: 100%; height: .6rem; background: var(--track); border-radius: 2px; }
.filled { fill: var(--filled); } .lost { fill: var(--lost); } .created { fill: var(--created); }
.updated { fill: var(--updated); } .unchanged { fill: var(--unchanged); } .skipped { fill: var(--skipped); }
.rejected { fill: var(--rejected); } .failed { fill: var(--failed); } .undetermined { fill: var(--undetermined); }
.outcome-bar { display: grid; grid-template-columns: 7rem 1fr; align-items: center; gap: .6rem; margin: .4rem 0; }
.outcome-bar .bar { height: 1.1rem; }
.outcomes { width: auto; margin: .8rem 0; }
.swatch { width: .8rem; height: .8rem; margin-inline-end: .5rem; vertical-align: -.06rem; }

.columns td:nth-child(1) { font-weight: 600; }
.columns td:nth-child(1) { min-width: 11rem; } .columns td:nth-child(2) { min-width: 10rem; }
.columns td:nth-child(3), .columns td:nth-child(4) { min-width: 6.5rem; }
.columns td:nth-child(7), .columns td:nth-child(8) { min-width: 12.5rem; }
.columns .bar { margin: .35rem 0 .2rem; }
.sample { margin-bottom: .25rem; } .columns .reason { display: block; }
.problems td:nth-child(1), .conflicts td:nth-child(1), .left-rows td:nth-child(1) { width: 5rem;
  font-variant-numeric: tabular-nums; }
.problems td:nth-child(2), .conflicts td:nth-child(2) { width: 14rem; }
.problems td:nth-child(3) { width: 34%; }
.left-columns { width: auto; } .fields td:nth-child(2) { overflow-wrap: normal; }

details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; }
summary { cursor: pointer; padding: .5rem .8rem; }
summary h3 { display: inline; margin: 0; } summary code { color: var(--muted); }
summary .reason { display: block; padding-inline-start: 1.1rem; }
details[open] > summary { border-bottom: 1px solid var(--line); background: var(--panel); }
details > .more { padding: 0 .8rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1rem; }
.card { border: 1px solid var(--line); border-radius: 6px; padding: .2rem 1rem .8rem; min-width: 0; }
.card h3 { font-size: 1.05rem; overflow-wrap: anywhere; } .card dl { margin: .6rem 0; }
.card dl > div { margin: .3rem 0; } .card ul { margin: 0; }

@media print, (min-width: 60.01rem) {
  .columns th:nth-child(n+3):nth-child(-n+6) { width: 1%; } .columns th:nth-child(7) { width: 24%; } }
@media screen and (max-width: 60rem) {
  .columns, .columns tbody, .columns tr, .columns td { display: block; }
  .columns tr { padding: .6rem 0; border-bottom: 1px solid var(--line); }
  .columns tbody td:nth-child(n) { border: 0; padding: .1rem 0; min-width: 0; text-align: start; }
  .columns td:nth-child(1) { font-size: 1.05rem; }
  .columns td:nth-child(n+3)::before { color: var(--muted); font-size: .85rem; }
  .columns td:nth-child(3)::before { content: "Filled"; } .columns td:nth-child(4)::before { content: "Lost"; }
  .columns td:nth-child(5)::before { content: "Changed: "; }
  .columns td:nth-child(6)::before { content: "Placeholders: "; }
  .columns td:nth-child(7)::before { content: "Before \\2192  after"; }
  .columns td:nth-child(8):not(:empty)::before { content: "Most frequent problem: "; }
  .columns td:nth-child(1), .columns td:nth-child(2), .columns td:nth-child(7), .columns td:nth-child(8) {
    grid-column: 1 / -1; }
  .columns tr { display: grid; grid-template-columns: 1fr 1fr; gap: .2rem 1.2rem; }
  .columns thead tr { display: flex; flex-wrap: wrap; gap: .3rem 1rem; }
  .columns thead { display: block; } .columns thead th:nth-child(n) { border: 0; padding: 0; width: auto;
    font-weight: 400; }
  html:not(.js) .columns thead { display: none; } }
@media screen and (max-width: 40rem) {
  body { margin: 1rem auto; padding: 0 .75rem; font-size: 14px; } h1 { font-size: 1.3rem; }
  html { scroll-padding-top: 6.5rem; }
  nav ul { flex-wrap: nowrap; overflow-x: auto; max-width: 100%; padding-bottom: .2rem; }
  .search, input { width: 100%; } kbd { display: none; }
  #decisions { padding: .1rem .8rem .5rem; }
  .outcome-bar { grid-template-columns: 5rem 1fr; }
  .outcomes { width: 100%; } .outcomes tr { display: grid; grid-template-columns: 1fr 5rem 5rem;
    border-bottom: 1px solid var(--line); padding: .3rem 0; }
  .outcomes th, .outcomes td { padding: 0; border: 0; } .outcomes th:nth-child(4) { display: none; }
  .outcomes td:nth-child(4) { grid-column: 1 / -1; color: var(--muted); font-size: .9em; }
  .problems, .problems tbody, .conflicts, .conflicts tbody { display: block; }
  .problems thead, .conflicts thead { display: block; }
  .problems thead tr, .conflicts thead tr { display: flex; flex-wrap: wrap; gap: .2rem 1rem; padding: .4rem .8rem; }
  .problems thead th, .conflicts thead th { border: 0; padding: 0; font-weight: 400; }
  html:not(.js) .problems thead, html:not(.js) .conflicts thead { display: none; }
  .problems tbody tr, .conflicts tbody tr { display: grid; grid-template-columns: auto 1fr; gap: .1rem .8rem;
    padding: .5rem .8rem; border-bottom: 1px solid var(--line); }
  .problems tbody td, .conflicts tbody td { border: 0; padding: 0; width: auto; }
  .problems td:nth-child(1)::before, .conflicts td:nth-child(1)::before { content: "row "; }
  .problems td:nth-child(1), .conflicts td:nth-child(1) { width: auto; color: var(--muted); }
  .problems tbody td:nth-child(2), .conflicts tbody td:nth-child(2) { color: var(--muted); width: auto; }
  .problems td:nth-child(n+3), .conflicts td:nth-child(n+3) { grid-column: 1 / -1; }
  .problems tbody td:nth-child(3) { width: auto; }
  .conflicts td:nth-child(3)::before { content: "file: "; color: var(--muted); }
  .conflicts td:nth-child(4)::before { content: "kept: "; color: var(--muted); } }
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
@media print {
  @page { margin: 1.2cm; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  body { margin: 0; padding: 0; max-width: none; font-size: 9.5pt; }
  nav { position: static; border: 0; padding: 0; } nav ul, .search { display: none; }
  details::details-content { content-visibility: visible; block-size: auto; }
  details { border: 0; margin: .8rem 0; } summary { padding: 0; list-style: none; background: none; }
  summary::-webkit-details-marker { display: none; } summary .reason { padding: 0; }
  summary, h2, h3, thead { break-after: avoid; } tbody tr:nth-child(-n+2) { break-before: avoid; }
  tr, .card, .sample, li, .outcome-bar { break-inside: avoid; }
  thead { display: table-header-group; } th button::after { content: ""; }
  th, td { padding: .2rem .4rem; } .scroll { overflow: visible; }
  #columns { page: wide; font-size: 8pt; } .columns td { min-width: 0; }
  .columns td:nth-child(7), .columns td:nth-child(8) { min-width: 5cm; } a { color: inherit; }
  .cards { grid-template-columns: repeat(3, minmax(0, 1fr)); }
  .problems td:nth-child(2), .conflicts td:nth-child(2) { width: 4.5cm; } .problems td:nth-child(3) { width: 30%; }
  .paper { display: block; } .problems tbody tr:nth-child(n+501 of :not([hidden])) { display: none; }
  @page wide { size: landscape; margin: 1cm; } }
"""
