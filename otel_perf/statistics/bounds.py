"""How many names the statistics tell apart: names made at run time must not grow the memory."""

from __future__ import annotations

OTHER = "_OTHER"
"""Where things go that are beyond a bound; the fallback value of ``error.type`` in OpenTelemetry."""

MAX_TOOLS = 500
"""Tools of a table; 4 MB at the usual 8 kB per tool."""

MAX_ERROR_TYPES = 64
"""Error types of one tool; real tools show a handful, generated class names have no end."""

MAX_EDGES = 5000
"""Edges of a call graph: 500 tools with ten callers each, 0.3 kB per edge."""

MAX_NODES = 2000
"""Nodes of a call tree; more than anyone reads. 1.2 kB per node while its calls are few, 4.5 kB later."""

MAX_DEPTH = 32
"""Levels of a call tree; only mutual recursion goes deeper."""

NODE_EXACT_LIMIT = 64
"""Durations that a tree node keeps one by one: a tree has many nodes, most of them with few calls."""
