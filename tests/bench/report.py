# SPDX-License-Identifier: MIT
"""From samples to figures: medians, ratios of the rounds, one table, JSON, and a chart (SVG) for each case.

A ratio is ours divided by the peer's in the same round; of the rounds' ratios the median, the least and the greatest are said.
"""

import datetime
import json
import os
import platform
import re
import statistics
import subprocess
from xml.sax.saxutils import escape

# key, heading, unit and factor, and is more better?
FIGURES = [
    ("rate", "requests/s", 1, 0, True),
    ("p50", "p50 ms", 1, 2, False),
    ("p99", "p99 ms", 1, 2, False),
    ("cpu", "CPU us", 1, 1, False),
    ("calls", "calls", 1, 1, False),
    ("pss", "PSS MB", 1e-6, 1, False),
]


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)} if values else None


def ratio(ours, theirs):
    """Of the rounds; where a figure was taken once, of that."""
    pairs = [(a, b) for a, b in zip(ours, theirs) if a is not None and b]
    return spread([a / b for a, b in pairs])


def summary(result):
    """Adds to each stack its medians and its ratios: ours to this stack's."""
    ours = result["stacks"][0]
    for stack in result["stacks"]:
        stack["figures"] = {}
        for key, *_ in FIGURES:
            values = [sample.get(key) for sample in stack["samples"]]
            found = spread([value for value in values if value is not None])
            if found:
                stack["figures"][key] = found
                if stack is not ours:
                    stack["figures"][key]["ratio"] = ratio([sample.get(key) for sample in ours["samples"]], values)
    return result


def cell(figure, factor, digits):
    if not figure:
        return "-"
    text = f"{figure['median'] * factor:.{digits}f}"
    if figure.get("ratio"):
        r = figure["ratio"]
        text += f" x{r['median']:.2f} ({r['min']:.2f}-{r['max']:.2f})"
    return text


def table(results):
    """Each line a stack; behind a peer's figure stands ours as a multiple of it, in the median, at least and at most."""
    rows = [["case", "stack", *(heading for _, heading, *_ in FIGURES), "note"]]
    for result in results:
        for stack in result["stacks"]:
            row = [result["name"] if stack is result["stacks"][0] else "", stack["name"]]
            row += [cell(stack["figures"].get(key), factor, digits) for key, _, factor, digits, _ in FIGURES]
            rows.append([*row, stack.get("note", "")])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def version(*command):
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ, PATH="/usr/sbin:" + os.environ["PATH"]))
    except OSError:
        return None
    found = re.search(r"\d+\.\d+[\w.~+-]*", said.stdout + said.stderr)
    return found.group(0) if found else None


def machine(bench):
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        model = re.search(r"model name\s*:\s*(.*)", f.read())
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processors": os.cpu_count(), "model": model.group(1) if model else platform.machine(), "kernel": platform.release(),
        "versions": {
            "php-pool": version(bench.poold, "--version"), "php": version("php8.2", "--version"), "php-fpm": version("php-fpm8.2", "--version"),
            "nginx": version("nginx", "-v"), "apache": version("apache2", "-v"), "haproxy": version("haproxy", "-v"),
            "caddy": version("caddy", "version"), "mariadb": version("mariadbd", "--version"),
        },
    }


def write_json(path, bench, results):
    with open(path, "w", encoding="ascii") as f:
        json.dump({"machine": machine(bench), "build": bench.build_options(), "cases": results}, f, indent=1)


#
# Charts
#

COLOURS = ["#1b6ca8", "#9aa5b1"]
LEFT, WIDTH, LINE = 170, 460, 22


def bars(result, key, heading, factor, digits, top):
    """One figure of all stacks as bars, with a whisker from the least to the greatest; and where it ends."""
    values = [(stack["name"], stack["figures"].get(key)) for stack in result["stacks"]]
    most = max((figure["max"] * factor for _, figure in values if figure), default=0)
    if not most:
        return "", top
    parts = [f'<text x="{LEFT}" y="{top + 14}" class="h">{escape(heading)}</text>']
    y = top + 22
    for i, (name, figure) in enumerate(values):
        parts.append(f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
        if figure:
            median, low, high = (figure[k] * factor / most * WIDTH for k in ("median", "min", "max"))
            parts.append(f'<rect x="{LEFT}" y="{y + 2}" width="{median:.1f}" height="{LINE - 6}" fill="{COLOURS[i > 0]}"/>')
            parts.append(f'<path d="M{LEFT + low:.1f} {y + 10}H{LEFT + high:.1f}m0 -4v8M{LEFT + low:.1f} {y + 6}v8" stroke="#222" fill="none"/>')
            parts.append(f'<text x="{LEFT + high + 6:.1f}" y="{y + 14}">{figure["median"] * factor:.{digits}f}</text>')
        y += LINE
    return "\n".join(parts), y + 10


def svg(width, height, title, body):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">\n'
            '<style>.h{font-weight:bold}</style>\n<rect width="100%" height="100%" fill="#fff"/>\n'
            f'<text x="16" y="22" font-size="15" class="h">{escape(title)}</text>\n{body}\n</svg>\n')


def chart(result):
    y, parts = 34, []
    for key, heading, factor, digits, more in FIGURES:
        text, y = bars(result, key, f"{heading} ({'more' if more else 'less'} is better)", factor, digits, y)
        parts.append(text)
    return svg(LEFT + WIDTH + 90, y + 6, result["title"], "\n".join(parts))
