"""The chart: what each contender costs, as a ratio to the first of its group, in panels."""
from statistics import median
from xml.sax.saxutils import escape

from contenders import OURS
from report import mad, ratios

# The work, the group, what is added up, and what the panel is called.
PANELS = [
    ("time", "epoll", ["cpu"], "Time requests, 64 at once"),
    ("time udp", "epoll", ["cpu"], "Time requests over UDP, 64 at once"),
    ("echo", "epoll", ["cpu"], "Echo, 50 connections, epoll"),
    ("echo", "select", ["cpu"], "Echo, 50 connections, select"),
    ("idle", "epoll", ["cpu"], "Echo, and 15,000 idle, epoll"),
    ("idle", "select", ["cpu"], "Echo, and 900 idle, select"),
    ("chain", "epoll", ["1000/1"], "Chain of 1,000 pipes, epoll"),
    ("chain", "select", ["400/1"], "Chain of 400 pipes, select"),
    ("timers", "heap", ["add", "cancel", "fire"], "Timers: add, cancel, fire"),
]

PANEL_WIDTH, LABEL_WIDTH, BAR_WIDTH = 420, 185, 180
BAR_HEIGHT, LINE, TITLE, GAP, MARGIN = 12, 18, 24, 14, 16
LIMIT = 2  # what a bar can show; the number beside it tells more

STYLE = """
text { font: 12px sans-serif; fill: #1f2328 }
.title { font-weight: bold }
.caption { font-size: 11px; fill: #59636e }
.label { text-anchor: end }
.first { fill: #59636e }
.ours { fill: #0969da }
.other { fill: #b7bfc8 }
.line { stroke: #1f2328; stroke-width: 1 }
.cut { stroke: #ffffff; stroke-width: 3 }
.one { stroke: #59636e; stroke-width: 1; stroke-dasharray: 2 2 }
"""


def bars_of(group, keys):
    """The ratios of all rounds, by contender."""
    rows = {who: {"sum": [sum(numbers) for numbers in zip(*(row[key] for key in keys))]}
            for who, row in group.items() if "skipped" not in row}
    first = next(iter(group))
    if first not in rows:
        return {}
    return {who: ratios(row, rows[first], "sum") for who, row in rows.items()}


def shown(ratio):
    return BAR_WIDTH * min(ratio, LIMIT) / LIMIT


def bar(y, who, numbers, kind):
    middle, off = median(numbers), mad(numbers)
    y_middle = y + BAR_HEIGHT / 2
    yield (f'<text class="label" x="{LABEL_WIDTH - 6}" y="{y + 10}">{escape(who)}</text>'
           f'<rect class="{kind}" x="{LABEL_WIDTH}" y="{y}" width="{shown(middle):.1f}"'
           f' height="{BAR_HEIGHT}"/>')
    if off > 0 and middle + off < LIMIT:
        yield (f'<path class="line" d="M{LABEL_WIDTH + shown(middle - off):.1f} {y_middle}'
               f'H{LABEL_WIDTH + shown(middle + off):.1f}"/>')
    if middle > LIMIT:  # cut
        x = LABEL_WIDTH + BAR_WIDTH - 14
        yield f'<path class="cut" d="M{x} {y + BAR_HEIGHT + 1}L{x + 5} {y - 1}"/>'
    end = LABEL_WIDTH + shown(max(middle + off, 1)) + 5
    yield f'<text x="{end:.1f}" y="{y + 10}">{middle:.2f}</text>'


def panel(title, bars):
    one = LABEL_WIDTH + shown(1)
    yield f'<text class="title" x="{LABEL_WIDTH}" y="12">{escape(title)}</text>'
    for number, (who, numbers) in enumerate(bars.items()):
        kind = "first" if number == 0 else "ours" if who.startswith(OURS) else "other"
        yield from bar(TITLE + number * LINE, who, numbers, kind)
    yield f'<path class="one" d="M{one} {TITLE - 4}V{TITLE + len(bars) * LINE}"/>'


def captions(results):
    machine = results["machine"]
    rounds = results["rounds"]
    return [
        "CPU time of the process, as a ratio to the loop written by hand (timers: to libev) in the"
        " same round: less is better.",
        f"Medians of {rounds} round{'s' * (rounds > 1)}, the lines across the ends of the bars are"
        " the median absolute deviations.",
        f"{machine['date']}, commit {machine['commit']}, {machine['system']} {machine['kernel']},"
        f" {machine['cpus']} CPUs, {machine['cpu']}",
    ]


def svg(results):
    """Two panels beside each other; white behind them, so that it can be read everywhere."""
    panels = [(title, bars_of(results["works"][work][group], keys))
              for work, group, keys, title in PANELS if work in results["works"]]
    panels = [(title, bars) for title, bars in panels if bars]
    y, body = MARGIN, []
    for left in range(0, len(panels), 2):
        row = panels[left:left + 2]
        for place, (title, bars) in enumerate(row):
            body += [f'<g transform="translate({place * PANEL_WIDTH + MARGIN} {y})">',
                     *panel(title, bars), "</g>"]
        y += TITLE + max(len(bars) for _, bars in row) * LINE + GAP
    for caption in captions(results):
        body.append(f'<text class="caption" x="{MARGIN}" y="{y + 12}">{escape(caption)}</text>')
        y += 16
    width, height = 2 * PANEL_WIDTH + MARGIN, y + MARGIN
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" role="img" aria-label="CPU time by contender">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" rx="6" fill="#ffffff"/>', *body, "</svg>", ""])
