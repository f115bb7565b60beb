"""How the start page looks: light and dark by what the reader's system says, a card a figure on a phone."""

STYLE = """
:root { --page: #fff; --text: #1c1e21; --quiet: #5f6670; --rule: #d9dde3; --raised: #f5f6f8; --line: #2f5fb3;
  --met: #1a7f37; --promised: #9a6700; --unclear: #8250df; --missed: #cf222e; --none: #6e7781; }
@media (prefers-color-scheme: dark) { :root { --page: #14171b; --text: #e4e7eb; --quiet: #9aa3ad; --rule: #30363d;
  --raised: #1d2126; --line: #79aaf7; --met: #4cc26a; --promised: #d6a320; --unclear: #b794f4; --missed: #ff7b72;
  --none: #8b949e; } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 78rem; padding: 1.5rem 1.25rem 4rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
h1 { font-size: 1.6rem; margin: 0 0 .5rem } h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem }
a { color: var(--line) } small { color: var(--quiet) } code { font-size: .92em } p { max-width: 62rem }
.counts, .legend { list-style: none; margin: 1rem 0; padding: 0 } .counts { display: flex; flex-wrap: wrap; gap: .5rem }
.legend li { margin: .35rem 0 }
.verdict { border: 1px solid currentColor; border-radius: 1rem; display: inline-block; font-size: .85rem;
  line-height: 1.3; padding: .05rem .6rem; white-space: nowrap; color: var(--none) }
.met { color: var(--met) } .promised { color: var(--promised) } .unclear { color: var(--unclear) }
.missed { color: var(--missed) } .missed.verdict { font-weight: 600 }
table { border-collapse: collapse; width: 100% }
th { color: var(--quiet); font-size: .85rem; font-weight: 600; text-align: left }
th, td { border-bottom: 1px solid var(--rule); padding: .5rem .6rem; vertical-align: middle }
.goals thead th { background: var(--page); position: sticky; top: 0; z-index: 1 }
.row { color: var(--quiet); text-align: right; width: 2.5rem } .limit, .latest { white-space: nowrap }
.latest small { display: block } .course { width: 236px } .course a { display: block }
.sparkline { display: block; height: 44px; width: 220px; overflow: visible }
.sparkline polyline { fill: none; stroke: var(--line); stroke-width: 1.6 }
.sparkline .median { stroke-opacity: .35; stroke-width: 1.2 }
.sparkline .goal { stroke: var(--quiet); stroke-dasharray: 3 3; stroke-width: 1 }
.sparkline circle { fill: currentColor; color: var(--none); stroke: var(--page); stroke-width: 1 }
.sparkline circle.met { color: var(--met) } .sparkline circle.promised { color: var(--promised) }
.sparkline circle.unclear { color: var(--unclear) } .sparkline circle.missed { color: var(--missed) }
.wide { overflow-x: auto } .commits td { vertical-align: top } summary { cursor: pointer }
.commits td:nth-child(-n+2) { white-space: nowrap }
@media (max-width: 760px) {
  body { padding: 1rem .9rem 3rem } .goals thead { display: none }
  .goals, .goals tbody { display: block }
  .goals tr { background: var(--raised); border: 1px solid var(--rule); border-radius: .6rem; display: grid;
    gap: .3rem .6rem; grid-template-columns: auto 1fr auto; margin: 0 0 .7rem; padding: .7rem .8rem }
  .goals td { border: 0; padding: 0; width: auto }
  .goals .what { grid-column: 2 / 4 } .goals .row { font-weight: 600; text-align: left }
  .goals .limit { grid-column: 1 / 3; color: var(--quiet) } .goals .limit::before { content: "goal " }
  .goals .latest { grid-column: 1 / 3; grid-row: 3 } .goals .latest small { display: inline }
  .goals td:nth-child(5) { grid-column: 3; grid-row: 3; text-align: right } .goals .course { grid-column: 1 / 4 }
  .sparkline { width: 100%; height: auto }
  .commits thead, .commits td:nth-child(n+4) { display: none } .commits, .commits tbody { display: block }
  .commits tr { border-bottom: 1px solid var(--rule); display: grid; gap: 0 .8rem; grid-template-columns: auto 1fr }
  .commits td { border: 0; padding: .2rem 0 } .commits td:nth-child(3) { grid-column: 1 / 3 }
}
"""
