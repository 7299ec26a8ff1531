"""Comments of source code: a program stays the program."""

import ast
import io
import sysconfig
import textwrap
import tokenize
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.optimize.compression import Compressor, compress
from otel_perf.optimize.techniques.comments import comments_in, strip_comments
from otel_perf.optimize.techniques.language import language_of
from otel_perf.optimize.techniques.python_source import python_spans
from otel_perf.optimize.techniques.technique import NotApplicableError
from otel_perf.optimize.techniques.whitespace import squeeze

LIBRARY = Path(sysconfig.get_path("stdlib"))
SOURCES = sorted([*LIBRARY.glob("*.py"), *LIBRARY.glob("asyncio/*.py"), *LIBRARY.glob("email/*.py")])


def tree(source: str) -> str:
    """The syntax tree of Python source."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.dump(ast.parse(source))


def comments_by_tokenize(source: str) -> list[str]:
    """What Python itself takes for comments."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


@pytest.mark.feature("S0-44")
def test_the_standard_library_stays_the_same_program() -> None:
    """Every eighth module: the lexer finds the comments that ``tokenize`` finds, and without them the tree is equal."""
    for path in SOURCES[::8]:
        source = path.read_text(encoding="utf-8")
        found = [source[span.start : span.end] for span in python_spans(source) or () if span.kind == "comment"]
        assert found == comments_by_tokenize(source), path.name
        stripped = strip_comments(source, "python")
        assert tree(stripped) == tree(source), path.name
        assert tree(squeeze(source)) == tree(source), path.name
        kept = comments_by_tokenize(stripped)
        assert len(kept) <= 2
        assert all(comment.startswith("#!") or "coding" in comment for comment in kept)


def test_the_language_of_the_standard_library_is_recognised() -> None:
    """Nearly all modules are taken for Python, and none for another language."""
    languages = [language_of(path.read_text(encoding="utf-8")) for path in SOURCES]
    assert set(languages) <= {"python", None}
    assert languages.count("python") >= 0.9 * len(languages)


@pytest.mark.feature("S0-44")
def test_a_hash_in_a_string_is_no_comment() -> None:
    """Strings of every kind keep it, f-strings with strings in their fields too."""
    source = textwrap.dedent(
        '''
        import re  # gone
        A = "# kept"  # gone
        B = \'# "kept"\'  # gone
        C = """
        # kept
        """  # gone
        D = f"{A + '# kept'}: {len(B):>{10}} # kept {{# kept"  # gone
        E = rb'\\\\# kept'  # gone
        F = f\'\'\'{
            A}# kept\'\'\'  # gone
        # gone
        G = A \\
            # gone
        H = 1
        '''
    )
    stripped = strip_comments(source, "python")
    assert "gone" not in stripped
    assert stripped.count("kept") == source.count("kept")
    assert tree(stripped) == tree(source)


def test_what_a_machine_reads_in_comments_stays() -> None:
    """Shebang, encoding, build constraints."""
    source = "#!/usr/bin/env python3\n# -*- coding: latin-1 -*-\n# gone\nimport os\n"
    assert strip_comments(source, "python") == "#!/usr/bin/env python3\n# -*- coding: latin-1 -*-\nimport os\n"
    assert strip_comments("//go:build linux\n// gone\npackage x\n", "c") == "//go:build linux\npackage x\n"


FRAGMENTS = [
    'f"', "f'", 'f"""', '"', "'", '"""', "'''", "{", "}", "{{", "}}", ":", "!r", "#", "\n", "\\", "x", "(", ")", "rf'",
    " ",
]  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join))
def test_anything_that_compiles_stays_the_same_program(source: str) -> None:
    """Strings, fields and comments in any order: where Python compiles it, the tree is unchanged."""
    try:
        before = tree(source)
    except (SyntaxError, ValueError):
        return
    try:
        stripped = strip_comments(source, "python")
    except NotApplicableError:
        return
    assert tree(stripped) == before


C_SOURCE = r"""
#include <stdio.h>  // gone
/* gone
   gone */
static const char *url = "http://kept"; /* gone */
char quote = '"'; // gone
char slash = '\''; // gone "
int a/*gone*/b = 1'000'000;
int f(void) {
    // gone \
       gone
    return '/' / 2;  // gone
}
const char *raw = R"x(// kept )" kept)x";
"""
JS_SOURCE = r"""
'use strict'
const a = 'http://kept' // gone
const b = `// kept ${a /* gone */ + `${"// kept"}`} kept`; // gone
const c = /["'`]\/\/kept[/"]/g; /* gone */
const d = 4 / 2 / 1; // gone
const e = (x) => /kept"/.test(x) // gone
/* gone
*/ const f = 1
"""
SHELL_SOURCE = r"""#!/bin/bash
# gone
echo "# kept" '# kept' \# kept $# ${#kept} a#kept # gone
dir="$(cd "$(dirname "$0")" && pwd # kept
)"
cat <<'EOF' # gone
# kept
EOF
cat <<-EOF
	# kept
	EOF
n=`echo "# kept"` m="`echo '# kept'`" # gone
(( n > 1 )) && echo $((n << 2)) "$((1 + (2 * 3)))" ${n:-${m%% # kept}} # gone
case $dir in a) echo 1;; esac # gone
"""


@pytest.mark.parametrize(("language", "source"), [("c", C_SOURCE), ("javascript", JS_SOURCE), ("shell", SHELL_SOURCE)])
def test_other_languages_keep_their_strings(language: str, source: str) -> None:
    """Addresses, quotes, regular expressions, templates, here-documents."""
    assert language_of(source) == language
    stripped = strip_comments(source, language)
    assert "gone" not in stripped
    assert stripped.count("kept") == source.count("kept")
    assert strip_comments(stripped, language) == stripped


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("python", 'x = "never closed\n# a\n'), ("python", "x = '''never closed # a"), ("python", 'f"{x'),
        ("c", 'char *a = "open;\n// a\n'), ("c", "x /* open"), ("c", "let a = 'it // b';"),
        ("javascript", "a = `open // a"), ("javascript", "<a>http://x</a> // b"), ("javascript", "a = 'open\n// b"),
        ("shell", "echo 'open # a"), ("shell", "echo `date # a"), ("shell", 'echo "${x:-"a # b"}"'),
        ("shell", "x=$((1 +\n# a"), ("shell", "cat <<EOF\n# a\n"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_left_alone(language: str, source: str) -> None:
    """Not closed, or with more than one meaning: refused, and the text stays."""
    with pytest.raises(NotApplicableError):
        strip_comments(source, language)
    result = Compressor([comments_in(language)]).compress(source)
    assert result.text == source
    assert "not certain" in str(result.steps[0].reason)


PROSE = "# A heading\n\nImport from the shop: it's not code (at all).\n\n# Another\n\nfor example: this\nand so on.\n"


@pytest.mark.parametrize(
    "text", [PROSE, "", "# only a heading", '{"a": 1}', "import duties are high.\n# really\n", "a\n" * 9]
)
def test_prose_is_no_program(text: str) -> None:
    """Headings of Markdown are not taken for comments."""
    assert language_of(text) is None
    assert compress(text, "comments").text == text


def test_fenced_blocks_are_stripped_by_their_language() -> None:
    """Markdown keeps its headings; blocks of unknown or broken languages stay."""
    text = "# Title\n\n```python\nx = 1  # gone\n```\n\n```text\n# kept\n```\n"
    text += "~~~js\nf() // gone\n~~~\n```py\n'open # kept\n```\n"
    expected = text.replace("  # gone", "").replace(" // gone", "")
    assert compress(text, "comments").text == expected


def test_an_unknown_language_is_a_mistake() -> None:
    """It is told where the technique is made."""
    with pytest.raises(ValueError, match="javascript, python, shell"):
        comments_in("cobol")
