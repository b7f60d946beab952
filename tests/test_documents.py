"""The documents against the code: what is there is documented, and what is documented is there."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
import click
import pytest
from flask import Flask
from pydantic import SecretStr
from pydantic.fields import FieldInfo

import chatapp
from chatapp.app import create_app
from chatapp.config import Settings, load_settings
from chatapp.errors import ChatappError, ConfigurationError, UpstreamFailure
from chatapp.streaming import event as events
from chatapp.streaming.dialect import EVENTS
from chatapp.streaming.progress_dialect import ProgressDialect
from chatapp.upstream.failures import FAILURES
from chatapp.upstream.simulator.fault import Fault
from chatapp.web.error_answers import _HTTP as HTTP_CODES
from chatapp.web.openapi.description import description_of

ROOT = Path(__file__).resolve().parent.parent

"""Files that a run of the tests makes."""
TESTS_OWN_VARIABLES = {"CHATAPP_TEST_ALL", "CHATAPP_TEST_EXAMPLES", "CHATAPP_TEST_SEED"}

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
PARAMETER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
BRACED = r"{\1}"
ROUTE = re.compile(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`?]*)[^`]*`")
OUR_FOLDERS = re.compile(r"(?:chatapp|tests|deploy|docs|migrations|static|templates|bench|\.ci)/[\w./-]*")

Row = list[str]


def read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def markdown_files() -> list[Path]:
    found = [path for path in ROOT.rglob("*.md") if not hidden(path.relative_to(ROOT))]
    assert found
    return sorted(found)


def hidden(path: Path) -> bool:
    return any(part.startswith(".") or part in {"var", "node_modules"} for part in path.parts)


def documents() -> list[Path]:
    """Those that speak of the product as a whole."""
    return [path for path in markdown_files() if path.parent == ROOT or ROOT / "docs" in path.parents]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def section(text: str, heading: str) -> str:
    """What stands below a heading, down to the next one of its level or above."""
    lines = iter(FENCE.sub("", text).splitlines())
    level = next(
        (len(line) - len(line.lstrip("#")) for line in lines if line.lstrip("#") == f" {heading}"), 0
    )
    assert level, f"there is no heading {heading!r}"
    found = []
    for line in lines:
        if (match := re.match(r"(#+) ", line)) and len(match[1]) <= level:
            break
        found.append(line)
    return "\n".join(found)


def tables(text: str) -> list[list[Row]]:
    """The tables of a text, as rows of cells without the two lines of their heads."""
    found = re.findall(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE)
    return [[cells(line) for line in table.strip().splitlines()[2:]] for table in found]


def cells(line: str) -> Row:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows(text: str) -> list[Row]:
    return [row for table in tables(text) for row in table]


def code_in(cell: str) -> str:
    """The one code span that a cell begins with."""
    match = SPAN.match(cell)
    assert match, f"no code at the start of {cell!r}"
    return match[1]


def code_of(text: str) -> list[str]:
    """Its fenced blocks and its code spans."""
    return [*FENCE.findall(text), *SPAN.findall(FENCE.sub("", text))]


def assert_same(documented: Iterable[str], there: Iterable[str]) -> None:
    wanted, told = set(there), list(documented)
    assert wanted, "nothing was found in the code: the test itself is broken"
    assert sorted(told) == sorted(set(told)), "documented twice"
    assert sorted(wanted - set(told)) == [], "not documented"
    assert sorted(set(told) - wanted) == [], "documented, but not there"


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((ROOT / "chatapp").rglob("*.py")):
        yield path, ast.parse(path.read_text("utf-8"))


# Settings


def fields() -> dict[str, FieldInfo]:
    return {str(field.alias): field for field in Settings.model_fields.values()}


def default_of(field: FieldInfo) -> str:
    """A default as it would be written in the environment; empty when there is none."""
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value in ("", ()):
        return ""
    return str(int(value)) if isinstance(value, bool | float) and value == int(value) else str(value)


def limits_of(field: FieldInfo) -> str | None:
    """What docs/settings.md has to say about what is accepted, where that can be told from the types."""
    if field.annotation is bool:
        return "0 or 1"
    choices = [
        each for each in (field.annotation, *get_args(field.annotation)) if get_origin(each) is Literal
    ]
    if choices:
        return " or ".join(f"`{value}`" for value in get_args(choices[0]))
    bounds: dict[type, Any] = {type(each): each for each in field.metadata}
    if annotated_types.Le in bounds:
        top = f"{bounds[annotated_types.Le].le:.0f}"
        if annotated_types.Gt in bounds:
            return f"over {bounds[annotated_types.Gt].gt}, up to {top}"
        return f"{bounds[annotated_types.Ge].ge} to {top}"
    if annotated_types.MaxLen in bounds:
        lengths = bounds[annotated_types.MinLen].min_length, bounds[annotated_types.MaxLen].max_length
        return f"{lengths[0]} to {lengths[1]} characters"
    return None


def test_every_setting_is_documented() -> None:
    assert_same((code_in(row[0]) for row in rows(read("docs/settings.md"))), fields())


def test_settings_have_the_defaults_that_are_documented() -> None:
    told = {code_in(row[0]): row[1] for row in rows(read("docs/settings.md"))}
    wrong = {}
    for name, field in fields().items():
        default = default_of(field)
        right = told[name] == f"`{default}`" if default else re.match(r"none(:|$)", told[name])
        if not right:
            wrong[name] = f"documented as {told[name]!r}, is {default!r}"
    assert wrong == {}


def test_settings_have_the_limits_that_are_documented() -> None:
    told = {code_in(row[0]): row[2] for row in rows(read("docs/settings.md"))}
    limits = {name: limits_of(field) for name, field in fields().items()}
    # What follows a comma restricts further.
    wrong = {
        name: f"documented as {told[name]!r}, is {limit!r}"
        for name, limit in limits.items()
        if limit is not None and not told[name].startswith(limit)
    }
    assert wrong == {}


def test_secrets_are_marked_as_such() -> None:
    told = {code_in(row[0]) for row in rows(read("docs/settings.md")) if "*secret*" in row[3]}
    assert_same(told, secret_names())


def secret_names() -> set[str]:
    return {name for name, field in fields().items() if "SecretStr" in str(field.annotation)}


def test_the_example_of_an_environment_has_every_setting_and_its_default() -> None:
    found = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", read(".env.example"), re.MULTILINE))
    assert_same(found, fields())
    assert found == {name: default_of(field) for name, field in fields().items()}


def test_each_setting_of_the_example_has_a_line_that_explains_it() -> None:
    lines = read(".env.example").splitlines()
    for above, line in zip(["", *lines], lines, strict=False):
        assert line == "" or line.startswith("# "), f"{line!r} would be in force"
        if re.match(r"# [A-Z_]+=", line):
            assert re.match(r"# [^=]+$", above), f"nothing explains {line!r}"


def test_the_example_starts_a_server_when_it_is_in_force(tmp_path: Path) -> None:
    found = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", read(".env.example"), re.MULTILINE))
    data = str(tmp_path)
    assert load_settings({**found, "CHATAPP_DATA": data}) == load_settings({"CHATAPP_DATA": data})


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_a_document_names_no_setting_that_does_not_exist(path: Path) -> None:
    known = {*fields(), *TESTS_OWN_VARIABLES, *(f"{name}_FILE" for name in secret_names())}
    assert set(re.findall(r"\bCHATAPP_[A-Z_]+\b", path.read_text("utf-8"))) - known == set()


# Routes, events, failures, errors


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    app.extensions["chatapp"].database.close()


def routes_of(app: Flask) -> set[str]:
    return {
        f"{method} {PARAMETER.sub(BRACED, rule.rule)}"
        for rule in app.url_map.iter_rules()
        if rule.endpoint != "static"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_route_is_documented(app: Flask) -> None:
    api = read("docs/api.md")
    listed = [*rows(section(api, "2. Routes")), *rows(section(api, "9. Pages"))]
    assert_same([route for row in listed for route in ROUTE.findall(row[0])], routes_of(app))


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_a_document_names_no_route_that_does_not_exist(path: Path, app: Flask) -> None:
    assert set(ROUTE.findall(path.read_text("utf-8"))) - routes_of(app) == set()


def event_names() -> set[str]:
    """Those that a log can hold, and the two that are in none: the heartbeat, and progress."""
    tree = ast.parse(Path(events.__file__).read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and called(node) == "Event"]
    names = {first.value for call in calls if isinstance(first := call.args[0], ast.Constant)}
    progress = ProgressDialect("g", EVENTS, has_started=lambda: True, has_ended=False, is_fresh=True)
    beyond = re.findall(rb"^event: (\w+)$", EVENTS.heartbeat(0) + progress.opening("x-0"), re.MULTILINE)
    assert len(beyond) == 2
    return {*map(str, names), *(name.decode() for name in beyond)}


def called(call: ast.Call) -> str:
    """The plain name that is called, or the last part of a dotted one."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def test_every_event_is_documented() -> None:
    assert_same((code_in(row[0]) for row in rows(section(read("docs/api.md"), "Events"))), event_names())


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_a_document_shows_no_event_that_does_not_exist(path: Path) -> None:
    assert set(re.findall(r"^event: (\w+)$", path.read_text("utf-8"), re.MULTILINE)) - event_names() == set()


def test_the_failures_are_documented_word_for_word() -> None:
    told = [(code_in(row[0]), *row[1:3]) for row in rows(section(read("docs/api.md"), "Failures"))]
    assert told == [(kind.code, kind.sentence, "yes" if kind.retryable else "no") for kind in FAILURES]


def error_codes() -> dict[str, int]:
    """Each code with its HTTP status: the classes', those given where an error is raised, and HTTP's own."""
    for module in pkgutil.walk_packages(chatapp.__path__, "chatapp."):
        importlib.import_module(module.name)
    classes: dict[str, type[ChatappError]] = {each.__name__: each for each in tree_of(ChatappError)}
    del classes[UpstreamFailure.__name__]  # its codes are those of the failures
    found = {each.code: each.status for each in classes.values()}
    found |= {code: status for status, (code, _sentence) in HTTP_CODES.items()}
    for _path, tree in modules():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            for each in call.keywords:
                if called(call) in classes and each.arg == "code" and isinstance(each.value, ast.Constant):
                    found[str(each.value.value)] = classes[called(call)].status
    return found


def tree_of(kind: type[ChatappError]) -> Iterator[type[ChatappError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from tree_of(each)


def error_tables() -> list[list[Row]]:
    ours_and_the_proxies = tables(section(read("docs/api.md"), "Error codes"))
    assert len(ours_and_the_proxies) == 2
    return ours_and_the_proxies


def test_every_error_code_is_documented_with_its_status() -> None:
    told = [(code_in(row[0]), row[1]) for row in error_tables()[0]]
    assert_same((code for code, _status in told), error_codes())
    assert {code: int(status) for code, status in told} == error_codes()


def test_the_description_has_the_codes_that_are_documented(app: Flask) -> None:
    documented = {code_in(row[0]) for row in error_tables()[0]} - {ConfigurationError.code}
    choices = re.findall(r'"code": {"enum": \[(.*?)\]}', json.dumps(description_of(app)))
    described = {code for codes in choices for code in re.findall("[A-Z_]+", codes)}
    assert_same(documented, described)


def test_the_proxies_codes_are_documented() -> None:
    nginx = re.search(r"map \$status \$error_code \{(.*?)\}", read("deploy/nginx.conf"), re.DOTALL)
    assert nginx
    codes = set(re.findall(r"\b[A-Z][A-Z_]+(?=;)", nginx[1]))
    codes |= set(
        re.findall(r'^ErrorDocument.*?\\"code\\":\\"([A-Z_]+)', read("deploy/apache.conf"), re.MULTILINE)
    )
    ours = {code_in(row[0]) for row in error_tables()[0]}
    assert_same((code_in(row[0]) for row in error_tables()[1]), codes - ours)


def test_every_fault_is_documented() -> None:
    listed = rows(section(read("docs/api.md"), "8. Simulated model and faults"))
    assert_same((code_in(row[0]) for row in listed), list(Fault))


# Log lines


def log_calls() -> Iterator[tuple[str, set[str]]]:
    """The phrase of each call that writes a log line, and the fields that it names itself."""
    for path, tree in modules():
        if path.parts[-2:] == ("telemetry", "log.py"):
            continue
        names = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "chatapp.telemetry.log"
            for alias in node.names
        }
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if writes_a_line(call, names):
                phrase = call.args[0]
                assert isinstance(phrase, ast.Constant), f"{path.name}:{call.lineno}: the phrase is not fixed"
                yield str(phrase.value), fields_of(call)


def writes_a_line(call: ast.Call, imported: set[str]) -> bool:
    match call.func:
        case ast.Name(id=name):
            return name in imported - {"logger", "configure_logging"}
        case ast.Attribute(value=ast.Name(id="logger"), attr=level):
            return level in {"debug", "info", "warning", "error", "exception", "critical"}
    return False


def fields_of(call: ast.Call) -> set[str]:
    found = {each.arg for each in call.keywords if each.arg} - {"extra", "exc_info"}
    for each in call.keywords:
        if each.arg == "extra" and isinstance(each.value, ast.Dict):
            found |= {str(key.value) for key in each.value.keys if isinstance(key, ast.Constant)}
    return found


def test_every_log_line_is_documented() -> None:
    listed = rows(read("docs/logging.md"))
    assert_same((code_in(row[0]) for row in listed), {phrase for phrase, _fields in log_calls()})


def test_the_fields_of_log_lines_are_documented() -> None:
    told = {code_in(row[0]): set(SPAN.findall(row[3])) for row in rows(read("docs/logging.md"))}
    missing = {phrase: fields - told[phrase] for phrase, fields in log_calls()}
    assert {phrase: fields for phrase, fields in missing.items() if fields} == {}


# Commands, make, dependencies


def commands_of(app: Flask) -> dict[str, click.Command]:
    return dict(leaves("", app.cli))


def leaves(prefix: str, group: click.Group) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield prefix + name, command
            yield from leaves(f"{prefix}{name} ", command)
        else:
            arguments = [each for each in command.params if isinstance(each, click.Argument)]
            yield " ".join([prefix + name, *(each.human_readable_name for each in arguments)]), command


def test_every_command_is_documented(app: Flask) -> None:
    listed = {code_in(row[0]): row[1] for row in rows(section(read("docs/commands.md"), "flask --app wsgi"))}
    commands = commands_of(app)
    assert_same(listed, commands)
    for name, command in commands.items():
        options = {opt for each in command.params if isinstance(each, click.Option) for opt in each.opts}
        assert set(re.findall(r"--[a-z-]+", listed[name])) == options, name


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_a_document_names_no_command_that_does_not_exist(path: Path, app: Flask) -> None:
    known = {re.sub(r" [A-Z_]+\b", "", name) for name in commands_of(app)}
    text = path.read_text("utf-8")
    named = re.findall(r"flask --app wsgi ([a-z]+(?: [a-z]+)?)", text)
    assert {name for name in named if name not in known and name.split()[0] not in known} == set()


def make_targets() -> set[str]:
    """Those that `make help` lists."""
    return set(re.findall(r"^([a-z-]+):.*## ", read("Makefile"), re.MULTILINE))


def test_every_make_target_is_documented() -> None:
    listed = rows(section(read("docs/commands.md"), "make"))
    assert_same((code_in(row[0]).removeprefix("make ") for row in listed), make_targets())


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_a_document_names_no_make_target_that_does_not_exist(path: Path) -> None:
    named = re.findall(r"^make ([a-z-]+)", "\n".join(code_of(path.read_text("utf-8"))), re.MULTILINE)
    assert set(named) <= make_targets()


@pytest.mark.parametrize(
    ("file", "heading"),
    [
        ("requirements.in", "To run it"),
        ("requirements-test.in", "To test it"),
        ("deploy/local-model-requirements.in", "To try a real model on this machine"),
    ],
)
def test_every_dependency_is_documented(file: str, heading: str) -> None:
    lines = [line.partition("#")[0].strip() for line in read(file).splitlines()]
    wanted = [re.split(r"[<>=!~; ]", line)[0] for line in lines if line and not line.startswith("-")]
    listed = rows(section(read("docs/dependencies.md"), heading))
    assert_same((code_in(row[0]) for row in listed), wanted)
    assert [row[0] for row in listed if not all(row)] == [], "without a reason"


# Links and names


def anchors(path: Path) -> set[str]:
    """The names of a document's headings, as web views of repositories make them."""
    text = FENCE.sub("", path.read_text("utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for _level, title in HEADING.findall(text)
    }


@pytest.mark.parametrize("path", markdown_files(), ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    broken = [
        link
        for link in LINK.findall(FENCE.sub("", path.read_text("utf-8")))
        if not re.match(r"https?://|mailto:", link) and not leads_somewhere(path, *link.partition("#")[::2])
    ]
    assert broken == []


def leads_somewhere(path: Path, file: str, anchor: str) -> bool:
    target = (path.parent / file).resolve() if file else path
    return target.exists() and ROOT in target.parents and (not anchor or anchor in anchors(target))


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_a_document_names_no_file_that_does_not_exist(path: Path) -> None:
    named = [span for span in SPAN.findall(path.read_text("utf-8")) if OUR_FOLDERS.fullmatch(span)]
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_code_names_no_document_that_does_not_exist() -> None:
    named = {
        name
        for path, _tree in modules()
        for name in re.findall(r"\bdocs/[\w./-]+\.md", path.read_text("utf-8"))
    }
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "docs/decisions"
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert LINK.findall(read("docs/decisions/README.md")) == records
    for number, name in enumerate(records, 1):
        text = (folder / name).read_text("utf-8")
        assert text.startswith(f"# {number}. ")
        assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
