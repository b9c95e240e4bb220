"""Pictures of graphs and curves as SVG text, drawn by ourselves: no Graphviz, no matplotlib, no script.

`graph(loss)` draws the autograd graph behind a tensor: leaves at the top, the result at the bottom. The layout is the
layered one: give each node a rank below all its inputs, put stand-ins on the ranks a long edge passes, order each
rank by the medians of its neighbours, place, and route smooth lines. `curve(values)` draws a line over steps.

Colours are legible on light and dark pages; a marker stands beside each colour; every box has a title for readers.
"""

import bisect
import itertools
import math
import os
from xml.sax.saxutils import escape

__all__ = ["Drawing", "graph", "curve"]

CHARACTER, LINE, PAD = 7.3, 15, 8          # size of a character of 12 px monospace; margin inside a box
GAP_X, GAP_Y, MARGIN = 22, 34, 16
SWEEPS = 12                                # passes of the ordering and of the placing
LONGEST_CHAIN = 24                         # ranks an edge may pass before it is drawn straight
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STYLE = {  # kind -> (fill, border, marker)
    "op": ("#d9d9d9", "#777777", ""),
    "parameter": ("#9ecae8", "#2f6f9f", "\u25a0 "),
    "input": ("#c9e6b3", "#4d8a2a", "\u25b2 "),
    "output": ("#f6c667", "#a8741a", "\u25cf "),
}


class Drawing:
    """SVG text; a notebook shows it, `save` writes it to a file."""

    def __init__(self, svg):
        self.svg = svg

    def _repr_svg_(self):
        return self.svg

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.svg)
        return path

    def __repr__(self):
        return f"<Drawing, {len(self.svg)} characters of SVG>"


# What there is to draw -----------------------------------------------------------------------------------------------


class Box:
    """One node of a drawing: a few lines of text, a kind, and where the layout put it. `notes` are for its title."""

    def __init__(self, lines=(), kind="op", notes=()):
        self.lines = list(lines)
        self.kind = kind
        self.notes = list(notes)
        self.width = max((len(line) for line in self.lines), default=0) * CHARACTER + 2 * PAD if lines else 2
        self.height = len(self.lines) * LINE + PAD
        self.above, self.below = [], []
        self.rank = self.slot = 0
        self.x = self.y = 0.0


def _link(upper, lower):
    upper.below.append(lower)
    lower.above.append(upper)


def _op_name(node):
    """"addmm" of a node called AddmmBackward0."""
    name = node.name() if callable(getattr(node, "name", None)) else type(node).__name__
    name = name.rpartition("::")[2].rpartition(".")[2]
    stem = name.partition("Backward")[0] or name
    return "".join(("_" if i and char.isupper() and not stem[i - 1].isupper() else "") + char.lower()
                   for i, char in enumerate(stem))


def _shape_text(shape):
    return "\u00d7".join(map(str, shape)) or "scalar"


def _module_calls(node):
    """The module calls a node was made in, innermost first, as the engine keeps them: (module, code, offset)."""
    entry = getattr(node, "_module_entry", None)
    while entry is not None:
        module, entry, code, offset = entry
        yield module(), code, offset


def _module_path(node):
    """"features.0" for a node made in that part of a model; None outside of modules or in the model's own forward."""
    modules = [module for module, _, _ in _module_calls(node)]
    parts = [next((name for name, child in getattr(outer, "_modules", {}).items() if child is inner), None)
             for inner, outer in itertools.pairwise(modules)]
    return ".".join(reversed(parts)) if parts and None not in parts else None


def _line_of(node):
    """"train.py, line 12": the place outside of this package that led to the node, where the engine kept it."""
    sites = [(getattr(node, "_site_code", None), getattr(node, "_site_offset", None))]
    sites += [(code, offset) for _, code, offset in _module_calls(node)]
    sites = [(code, offset) for code, offset in sites if code is not None and offset is not None]
    if not sites:
        return None
    code, offset = next((site for site in sites if not _is_ours(site[0].co_filename)), sites[0])
    line = next(itertools.islice(code.co_positions(), offset // 2, None), (None,))[0]
    return f"{os.path.basename(code.co_filename)}, line {line}" if line else None


def _is_ours(filename):
    return filename.startswith(PACKAGE) and not filename.startswith(os.path.join(PACKAGE, "demo"))


def _op_box(node):
    made = getattr(node, "_input_metadata", None) or ()
    lines = [_op_name(node), _module_path(node), *(_shape_text(entry.shape) for entry in made[:1])]
    notes = [note for note in (getattr(node, "_formula", None), _line_of(node)) if note]
    return Box([line for line in lines if line], notes=notes)


def _leaf_box(tensor, names):
    name = names.get(id(tensor))
    kind = "parameter" if name else "input"
    return Box([STYLE[kind][2] + (name or "leaf"), _shape_text(tensor.shape)], kind)


def boxes_of(tensor, names):
    """The boxes of the graph behind a tensor, inputs before the nodes that use them."""
    if tensor.grad_fn is None:
        raise ValueError("graph: this tensor has no grad_fn, so there is nothing behind it to draw. "
                         "Was it made under no_grad, or from leaves that do not require grad?")
    boxes, order, stack = {}, [], [(tensor.grad_fn, False)]
    while stack:
        node, entered = stack.pop()
        if entered:
            box = boxes[node]
            for source in [boxes[n] for n, _ in node.next_functions if n is not None]:
                _link(source, box)
            order.append(box)
        elif node not in boxes:
            leaf = getattr(node, "variable", None)
            boxes[node] = _op_box(node) if leaf is None else _leaf_box(leaf, names)
            stack.append((node, True))
            stack.extend((n, False) for n, _ in node.next_functions if n is not None and n not in boxes)
    result = Box([STYLE["output"][2] + names.get(id(tensor), "output"), _shape_text(tensor.shape)], "output")
    _link(boxes[tensor.grad_fn], result)
    return [*order, result]


# Layout --------------------------------------------------------------------------------------------------------------


def ranked(boxes):
    """Ranks from the top: each box below all it needs, leaves (and what is made of one alone) just above their first
    user; stand-ins on long edges."""
    movable = set()
    for box in boxes:
        box.rank = max((source.rank + 1 for source in box.above), default=0)
        if all(source in movable and len(source.below) == 1 for source in box.above):
            movable.add(box)
    for box in reversed(boxes):
        if box in movable and box.below:
            box.rank = min(user.rank for user in box.below) - 1
    lowest = min(box.rank for box in boxes)
    rows = [[] for _ in range(max(box.rank for box in boxes) - lowest + 1)]
    for box in boxes:
        box.rank -= lowest
        rows[box.rank].append(box)
    for box in boxes:
        for i, user in enumerate(list(box.below)):
            _stretch(box, user, i, rows)
    return rows


def _stretch(box, user, slot, rows):
    """Replace the edge by a chain with one stand-in per rank it passes; one that passes very many goes straight."""
    if user.rank - box.rank > LONGEST_CHAIN:
        return
    previous = box
    for rank in range(box.rank + 1, user.rank):
        stand_in = Box(kind="bend")
        stand_in.rank = rank
        rows[rank].append(stand_in)
        stand_in.above = [previous]
        if previous is box:
            box.below[slot] = stand_in
        else:
            previous.below = [stand_in]
        previous = stand_in
    if previous is not box:
        previous.below = [user]
        user.above[user.above.index(box)] = previous


def _median(box, side):
    slots = sorted(other.slot for other in getattr(box, side))
    if not slots:
        return box.slot
    middle = len(slots) // 2
    return slots[middle] if len(slots) % 2 else (slots[middle - 1] + slots[middle]) / 2


def _crossings(upper):
    """How many edges from a row to the next cross: inversions among their ends."""
    rank = upper[0].rank + 1
    ends = [end for box in upper for end in sorted(user.slot for user in box.below if user.rank == rank)]
    count, seen = 0, []
    for end in ends:
        at = bisect.bisect_right(seen, end)
        count += len(seen) - at
        seen.insert(at, end)
    return count


def _number(row):
    for slot, box in enumerate(row):
        box.slot = slot


def order_rows(rows):
    """Sort each row by the medians of its neighbours, downwards and upwards in turn; keep the best seen."""
    best, best_count = [list(row) for row in rows], None
    for row in rows:
        _number(row)
    for sweep in range(SWEEPS):
        side = "above" if sweep % 2 == 0 else "below"
        for row in rows if sweep % 2 == 0 else reversed(rows):
            row.sort(key=lambda box: _median(box, side))
            _number(row)
        count = sum(map(_crossings, rows))
        if best_count is None or count < best_count:
            best, best_count = [list(row) for row in rows], count
        if count == 0:
            break
    return best


def _separate(row, wanted):
    """Places close to the wanted ones that keep the order and the gaps: groups that collide share their mean."""
    groups = []  # [sum of (wanted - offset), boxes, offsets of each]
    for box, x in zip(row, wanted):
        groups.append([x, [box], [0.0]])
        while len(groups) > 1 and _reach(groups[-2]) > groups[-1][0] / len(groups[-1][1]) - groups[-1][1][0].width / 2:
            total, members, offsets = groups.pop()
            before = groups[-1]
            shift = before[2][-1] + before[1][-1].width / 2 + GAP_X + members[0].width / 2
            before[0] += total - shift * len(members)
            before[1] += members
            before[2] += [shift + offset for offset in offsets]
    for total, members, offsets in groups:
        for box, offset in zip(members, offsets):
            box.x = total / len(members) + offset


def _reach(group):
    total, members, offsets = group
    return total / len(members) + offsets[-1] + members[-1].width / 2 + GAP_X


def place(rows):
    """Give every box its middle (x, y): rows one below the other, boxes near the mean of their neighbours."""
    y = MARGIN
    for row in rows:
        height = max(box.height for box in row)
        x = 0.0
        for box in row:
            box.y = y + height / 2
            box.height = height if box.kind == "bend" else box.height
            box.x = x + box.width / 2
            x += box.width + GAP_X
        y += height + GAP_Y
    for sweep in range(SWEEPS):
        sides = ("above", "below") if sweep % 2 == 0 else ("below", "above")
        for row in rows if sweep % 2 == 0 else reversed(rows):
            _separate(row, [_mean_x(box, *sides) for box in row])
    left = min(box.x - box.width / 2 for row in rows for box in row) - MARGIN
    for box in itertools.chain(*rows):
        box.x -= left
    width = max(box.x + box.width / 2 for row in rows for box in row) + MARGIN
    return width, y - GAP_Y + MARGIN


def _mean_x(box, first, second):
    near = getattr(box, first) or getattr(box, second)
    return sum(other.x for other in near) / len(near) if near else box.x


# Drawing -------------------------------------------------------------------------------------------------------------


def _svg(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="ui-monospace, Menlo, Consolas, monospace" '
            f'font-size="12">\n' + "\n".join(parts) + "\n</svg>\n")


def _edge(box, user):
    """A smooth line from the box down to its user, through the stand-ins between them."""
    x, y = box.x, box.y + box.height / 2
    path = f"M{x:.1f},{y:.1f}"
    while True:
        end = user.y - user.height / 2
        bend = (end - y) / 2
        path += f" C{x:.1f},{y + bend:.1f} {user.x:.1f},{end - bend:.1f} {user.x:.1f},{end:.1f}"
        if user.kind != "bend":
            return f'<path d="{path}" fill="none" stroke="#888888" stroke-width="1.3" marker-end="url(#arrow)"/>'
        x, y = user.x, user.y + user.height / 2
        path += f" V{y:.1f}"
        user = user.below[0]


def _box(box):
    fill, border, _ = STYLE[box.kind]
    left, top = box.x - box.width / 2, box.y - box.height / 2
    text = "".join(
        f'<text x="{box.x:.1f}" y="{top + LINE * (i + 1) - 1:.1f}" text-anchor="middle" fill="#1a1a1a">{escape(line)}'
        "</text>" for i, line in enumerate(box.lines))
    return (f'<g><title>{escape("; ".join([" ".join(box.lines), *box.notes]))}</title><rect x="{left:.1f}" y="{top:.1f}" '
            f'width="{box.width:.1f}" height="{box.height:.1f}" rx="4" fill="{fill}" stroke="{border}"/>{text}</g>')


ARROW = ('<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
         'orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#888888"/></marker></defs>')


def graph(tensor, names=None):
    """The autograd graph behind `tensor` as a Drawing. `names` maps names to tensors (`dict(model.named_parameters())`)."""
    boxes = boxes_of(tensor, {id(value): name for name, value in (names or {}).items()})
    rows = order_rows(ranked(boxes))
    width, height = place(rows)
    edges = [_edge(box, user) for box in boxes for user in box.below]
    return Drawing(_svg(width, height, [ARROW, *edges, *map(_box, boxes)]))


# Curves --------------------------------------------------------------------------------------------------------------


def _ticks(low, high, count=5):
    """Round numbers that span [low, high]."""
    raw = (high - low) / count or 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw)
    first = math.ceil(low / step - 1e-9)
    return [first * step + i * step for i in range(int(math.floor(high / step + 1e-9)) - first + 1)]


def _smooth(values, weight):
    """Running mean that forgets, corrected for its start."""
    mean, out = 0.0, []
    for i, value in enumerate(values, 1):
        mean = weight * mean + (1 - weight) * value
        out.append(mean / (1 - weight ** i))
    return out


def curve(values, title="loss", x_label="step", width=640, height=320, smoothing=0.9):
    """A line of `values` over steps as a Drawing: the values faint, their running mean strong."""
    values = [float(value) for value in values]
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        raise ValueError("curve: no finite values to draw")
    low, high = min(0.0, min(finite)), max(finite)
    high = high if high > low else low + 1.0
    left, right, top, bottom = 56, width - 16, 34, height - 40

    def point(step, value):
        x = left + (right - left) * (step / max(len(values) - 1, 1))
        return x, bottom - (bottom - top) * (min(max(value, low), high) - low) / (high - low)

    def line(series, style):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (point(i, v) for i, v in enumerate(series) if math.isfinite(v)))
        return f'<polyline points="{points}" fill="none" {style}/>'

    parts = [f'<title>{escape(title)} over {len(values)} {escape(x_label)}s</title>',
             f'<text x="{left}" y="20" fill="#808080">{escape(title)}</text>']
    for tick in _ticks(low, high):
        y = point(0, tick)[1]
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#808080" stroke-opacity="0.3"/>'
                     f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#808080">{tick:g}</text>')
    for tick in _ticks(0, max(len(values) - 1, 1)):
        x = point(tick, low)[0]
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle" fill="#808080">{tick:g}</text>')
    parts.append(f'<text x="{right}" y="{height - 6}" text-anchor="end" fill="#808080">{escape(x_label)}</text>')
    parts.append(line(values, 'stroke="#4c8cc4" stroke-opacity="0.45" stroke-width="1"'))
    parts.append(line(_smooth([v if math.isfinite(v) else finite[-1] for v in values], smoothing),
                      'stroke="#d9822b" stroke-width="2"'))
    return Drawing(_svg(width, height, parts))
