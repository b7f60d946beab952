"""What the simulated model says: always the same for the same messages and model, and plainly labelled."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

_STEERED = re.compile(r"\bsimulate\s+(\d{1,6})\s+tokens?\b", re.IGNORECASE)
_TOKEN = re.compile(r"\s*\w{1,12}|\s*[^\w\s]|\s+")
_MARKED = re.compile(r"^\[@([a-z0-9-]{1,32})\] [^\n]* answered:\n\n", re.MULTILINE | re.ASCII)
"""How the answers to merge are marked, see chatapp/turns/prompt.py."""
_ROLE = re.compile(r"You are ([A-Z][a-z]{1,30})\b", re.ASCII)
_QUOTE_LENGTH = 120
_FILLER = (
    "The simulated model goes on so that a long answer can be watched. "
    "Each sentence is followed by another one, and none of them was thought of by anybody. "
)


def reply_tokens(messages: Sequence[Mapping[str, str]], model: str) -> Iterator[str]:
    """The answer to `messages`, token by token; `simulate N tokens` in the last user message asks for N. Where that
    holds marked answers, it is a merge of them."""
    asked = next((each["content"] for each in reversed(messages) if each["role"] == "user"), "")
    if marked := _marked(asked):
        return tokens_of(_merged(marked, model))
    if steered := _STEERED.search(asked):
        return itertools.islice(_endless(), int(steered[1]))
    return tokens_of(_answer(asked, model, len(messages), _role(messages)))


def tokens_of(text: str) -> Iterator[str]:
    """`text` in pieces of about the size of a model's tokens; joined, they are `text` again."""
    return (found[0] for found in _TOKEN.finditer(text))


def _endless() -> Iterator[str]:
    return itertools.chain.from_iterable(tokens_of(_FILLER) for _ in itertools.repeat(None))


def _role(messages: Sequence[Mapping[str, str]]) -> str:
    """Whom the system prompt tells the model to be, so that several voices can be told apart by what they say."""
    system = next((each["content"] for each in messages if each["role"] == "system"), "")
    told = _ROLE.match(system)
    return f", in the role of **{told[1]}**" if told else ""


def _answer(asked: str, model: str, count: int, role: str) -> str:
    return f"""## A simulated answer

No model was asked: this server has no model key, so `{model}` is played by **a simulator** 🤖{role}. You wrote:

> {_quote(asked)}

That was {len(asked)} characters, in a prompt of {count} {"message" if count == 1 else "messages"}. What an \
answer can hold:

1. *emphasis*, **strength** and `code`
2. other scripts: Grüße, Ελλάδα, 日本語, العربية
3. a formula in the line, such as $e^{{i\\pi}} + 1 = 0$

```python
def greet(name: str) -> str:
    return f"Hello, {{name}}!"
```

| part | shown as |
| --- | --- |
| heading | larger text |
| table | rows and columns |

Set `OPENAI_API_KEY` or `OPENAI_BASE_URL` to speak with a real model.
"""


def _marked(asked: str) -> dict[str, str]:
    """The marked answers that are to be merged, by their voices; of a voice that comes twice, the first."""
    _, divider, answers = asked.partition("\n\n---\n\n[@")
    _, *found = _MARKED.split(f"[@{answers}") if divider else [""]
    marked: dict[str, str] = {}
    for voice, answer in zip(found[::2], found[1::2], strict=True):
        marked.setdefault(voice, answer)
    return marked


def _merged(marked: Mapping[str, str], model: str) -> str:
    told = "\n".join(
        f"- One of them begins like this: {_quote(answer)} [@{voice}]" for voice, answer in marked.items()
    )
    return f"""## A simulated merge

No model was asked: this server has no model key, so `{model}` is played by **a simulator** 🤖. It was given \
{len(marked)} {"answer" if len(marked) == 1 else "answers"} and says where each point is from, but it has not \
understood any of them:

{told}

Set `OPENAI_API_KEY` or `OPENAI_BASE_URL` to speak with a real model.
"""


def _quote(asked: str) -> str:
    """The beginning of `asked` on one line, with nothing in it that Markdown or HTML would act on."""
    line = " ".join(asked.split())[:_QUOTE_LENGTH]
    shown = "".join(character for character in line if unicodedata.category(character)[0] != "C")
    escaped = re.sub(r"([\\`*_{}\[\]()#+\-.!|<>&$~:@/])", r"\\\1", shown)
    return escaped or "(nothing)"
