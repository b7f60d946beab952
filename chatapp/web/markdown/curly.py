"""A lexer for languages with curly braces whose own lexers in Pygments are slow on hostile code.

Those look for whole declarations with patterns that run over many lines, and take seconds, or minutes, for a
few kilobytes of line breaks or of words in a row. Here every pattern stays within one token, so that the time
grows with the length alone. What is lost is the colour of a declaration's name.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pygments.lexer import RegexLexer, words
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Whitespace

LANGUAGES = frozenset({"c", "c#", "c++", "cpp", "csharp", "java", "objective-c", "objectivec"})

_KEYWORDS = """
abstract alignas alignof as assert async auto await base break case catch class concept const constexpr
const_cast continue co_await co_return co_yield decltype default delegate delete do dynamic_cast else enum
event explicit export extends extern final finally fixed for foreach friend from get goto group if implements
implicit import in inline instanceof interface internal into is join let lock mutable namespace native new
noexcept operator orderby out override package params partial permits private protected public readonly record
ref register reinterpret_cast requires restrict return sealed select set signed sizeof stackalloc static
static_assert static_cast strictfp struct super switch synchronized template this throw throws transient try
typedef typeid typename typeof union unsafe unsigned using var virtual volatile when where while with yield
@autoreleasepool @class @end @implementation @import @interface @property @protocol @selector @synthesize
"""
_TYPES = """
Boolean BOOL Byte CGFloat Character Double Float Integer List Long Map NSInteger NSString Object Set Short
String bool boolean byte char char16_t char32_t decimal double dynamic float id instancetype int int16_t int32_t
int64_t int8_t long nint nuint object sbyte short size_t ssize_t string uint uint16_t uint32_t uint64_t uint8_t
ulong ushort void wchar_t
"""
_CONSTANTS = "NO NULL YES false nil null nullptr self true"


class CurlyLexer(RegexLexer):
    """C, C++, C#, Java and Objective-C."""

    name = "Curly braces"
    url = ""
    tokens: ClassVar[dict[str, list[Any]]] = {
        "root": [
            (r"\s+", Whitespace),
            (r"//[^\n]*", Comment.Single),
            (r"/\*", Comment.Multiline, "comment"),
            (r"#[ \t]*[a-z]+", Comment.Preproc),
            (r'@"', String, "verbatim"),
            (r'[$LuUR]?"', String, "string"),
            (r"'(?:\\.|[^'\\\n]){1,12}'", String.Char),
            (r"0[xX][\da-fA-F_']+[uUlL]*|\d[\d_']*(?:\.\d+)?(?:[eE][+-]?\d+)?[a-zA-Z]*", Number),
            (words(tuple(_KEYWORDS.split()), suffix=r"\b"), Keyword),
            (words(tuple(_TYPES.split()), suffix=r"\b"), Keyword.Type),
            (words(tuple(_CONSTANTS.split()), suffix=r"\b"), Keyword.Constant),
            (r"@[A-Za-z_]\w*", Name.Decorator),
            (r"[^\W\d]\w*(?=\()", Name.Function),
            (r"[^\W\d]\w*", Name),
            (r"[-+*/%&|^!~=<>?:]+", Operator),
            (r"[()\[\]{};,.]", Punctuation),
            (r".", Punctuation),
        ],
        "comment": [
            (r"[^*]+", Comment.Multiline),
            (r"\*/", Comment.Multiline, "#pop"),
            (r"\*", Comment.Multiline),
        ],
        "string": [
            (r'[^"\\\n]+', String),
            (r"\\.", String.Escape),
            (r'"|\n', String, "#pop"),
            (r"\\", String),
        ],
        "verbatim": [(r'[^"]+|""', String), (r'"', String, "#pop")],
    }
