"""The reference of all settings and variables, made from the structs and the table: ``docs/configuration.md``."""

import ast
import inspect
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from otel_perf.config import settings as declarations
from otel_perf.config.describe import value_text
from otel_perf.config.environment import NOT_READ, VARIABLES
from otel_perf.config.presets import PRESETS
from otel_perf.config.rules import TYPES, phrase
from otel_perf.config.settings import Settings

__all__ = ["meanings", "render"]

INTRODUCTION = """\
# Configuration

<!-- Made by `python -m otel_perf.config.reference docs/configuration.md`; a test compares. -->

A value comes from the first of these that has one:

1. an **argument** of `otel_perf.instrument(...)`, named like the setting;
2. the **environment**: a variable of the table below. For the same setting an `OTEL_PERF_*` variable is stronger
   than a standard one, and one for a single signal stronger than the general one. An empty variable is not set;
3. the **file** named by `config_file=` or `OTEL_PERF_CONFIG_FILE`;
4. the **preset** named by `preset=` or `OTEL_PERF_PRESET`;
5. the **default**.

`status()` and `otel-perf config` show each value with its origin. A value that breaks a rule is refused with one
line, and the next origin counts:

```
OTEL_PERF_TAIL_RATIO="2": must be a number >= 0 and <= 1; using 0.1 (default)
```

`strict=True` raises one `ConfigurationError` with all those lines instead. A bad *address* does not fall back:
nothing is sent there. Neither does a TLS file that cannot be read: nothing is sent for its signal.

Without an address nothing leaves the process. Credentials belong into the headers, whose values are never shown;
an address with `user:password@` or `?api_key=` in it is refused.
"""

FILE = """\
## The file

YAML with the names of the settings as keys; `traces`, `metrics` and `logs` hold the OTLP settings of one
signal.

```yaml
service_name: my-agent
environment: staging
endpoint: https://otlp.example.com
headers:
  api-key: "…"
metrics:
  timeout_seconds: 5.0
resource_attributes:
  team: search
```

Numbers are decimal, booleans are `true` and `false`, everything else is text: `010`, `1e3`, `on` and `.nan` are
not numbers or booleans here. Aliases, tags and duplicate keys are refused, and so is a file of more than 256 KiB or
20 levels. A file that holds headers must not be writable for other users.
"""


def render() -> str:
    """The whole page in Markdown."""
    parts = (INTRODUCTION, _settings(), _variables(), _not_read(), _presets(), FILE)
    return "\n".join(parts)


def meanings() -> dict[str, str]:
    """Setting to the docstring under it, as one line."""
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(inspect.getsource(declarations))):
        if isinstance(node, ast.ClassDef):
            found |= dict(_documented(node))
    return found


def _documented(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, text in zip(node.body, node.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                yield name, " ".join(words.replace("``", "`").split())


def _settings() -> str:
    told, defaults = meanings(), Settings()
    rows = (
        (f"`{name}`", phrase(name), value_text(name, getattr(defaults, name)), told[name])
        for name in TYPES
        if "." not in name
    )
    return _table("Settings", ("setting", "accepts", "default", "meaning"), rows)


def _variables() -> str:
    rows = ((f"`{row.name}`", f"`{row.field}`" if row.field else "-", row.meaning) for row in VARIABLES)
    return _table("Environment variables", ("variable", "setting", "meaning"), rows)


def _not_read() -> str:
    return _table("Standard variables without effect here", ("variable", "why"), NOT_READ.items())


def _presets() -> str:
    rows = (
        (preset, f"`{name}`", value_text(name, value))
        for preset, values in PRESETS.items()
        for name, value in values.items()
    )
    return _table("Presets", ("preset", "setting", "value"), rows)


def _table(title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    body = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return f"## {title}\n\n{body}\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")
