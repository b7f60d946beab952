"""Settings: typed, complete, and fatal when wrong."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from chatapp.config import Settings, load_settings
from chatapp.errors import ConfigurationError

SECRET = "a secret of more than thirty-two characters"
PRODUCTION = {"CHATAPP_ENV": "production", "SECRET_KEY": SECRET, "JWT_SECRET": SECRET + "!"}

GOOD: list[tuple[str, str, str, object]] = [
    ("CHATAPP_ENV", "development", "env", "development"),
    ("HOST", "0.0.0.0", "host", "0.0.0.0"),
    ("PORT", "80", "port", 80),
    ("REDIS_URL", "redis://:pw@h:6379/1", "redis_url", SecretStr("redis://:pw@h:6379/1")),
    ("WEB_CONCURRENCY", "1", "web_concurrency", 1),
    ("CHATAPP_CONNECTIONS", "5000", "connections", 5000),
    ("CHATAPP_TRUSTED_PROXIES", "1", "trusted_proxies", 1),
    ("CHATAPP_BODY_S", "90", "body_s", 90.0),
    ("CHATAPP_DRAIN_S", "12.5", "drain_s", 12.5),
    ("CHATAPP_DIRECT_READS", "0", "direct_reads", False),
    ("CHATAPP_DIRECT_WRITES", "0", "direct_writes", False),
    ("OPENAI_API_KEY", "sk-x", "openai_api_key", SecretStr("sk-x")),
    ("OPENAI_BASE_URL", "http://127.0.0.1:8001/v1", "openai_base_url", "http://127.0.0.1:8001/v1"),
    ("OPENAI_SSE_HEARTBEAT_MS", "15000", "heartbeat_ms", 15000),
    ("CHATAPP_DEFAULT_MODEL", "m", "default_model", "m"),
    ("CHATAPP_MODELS", " a, b ,,c", "models", ("a", "b", "c")),
    ("CHATAPP_TEMPERATURE", "0.7", "temperature", 0.7),
    ("CHATAPP_MAX_OUTPUT_TOKENS", "100", "max_output_tokens", 100),
    ("CHATAPP_PRICES", "/prices.toml", "prices", Path("/prices.toml")),
    ("CHATAPP_FIRST_TOKEN_S", "0.5", "first_token_s", 0.5),
    ("CHATAPP_SILENCE_S", "7", "silence_s", 7.0),
    ("CHATAPP_HISTORY_MESSAGES", "0", "history_messages", 0),
    ("CHATAPP_ABANDON_S", "1", "abandon_s", 1.0),
    ("CHATAPP_VOICES_PER_TURN", "3", "voices_per_turn", 3),
    ("CHATAPP_UPSTREAM_STREAMS", "200", "upstream_streams", 200),
    ("CHATAPP_UPSTREAM_PER_USER", "16", "upstream_per_user", 16),
    ("CHATAPP_UPSTREAM_PER_TURN", "4", "upstream_per_turn", 4),
    ("SECRET_KEY", SECRET, "secret_key", SecretStr(SECRET)),
    ("JWT_SECRET", SECRET, "jwt_secret", SecretStr(SECRET)),
    ("DATABASE_URL", "postgresql+psycopg://u@h/d", "database_url", SecretStr("postgresql+psycopg://u@h/d")),
    ("CHATAPP_STREAMS_PER_USER", "5", "streams_per_user", 5),
    ("CHATAPP_MESSAGES_PER_MINUTE", "7", "messages_per_minute", 7),
    ("CHATAPP_RATE_LIMITS", "1", "rate_limits", True),
    (
        "CORS_ORIGINS",
        "https://a.example, http://b:3000",
        "cors_origins",
        ("https://a.example", "http://b:3000"),
    ),
    (
        "CORS_ORIGINS",
        "HTTPS://Chat.Example.org:443,http://[::1]:8080,http://localhost:80,https://a.example:80",
        "cors_origins",
        ("https://chat.example.org", "http://[::1]:8080", "http://localhost", "https://a.example:80"),
    ),
    ("CHATAPP_REGISTRATION", "closed", "registration", "closed"),
    ("CHATAPP_FAULTS", "1", "faults", True),
]

BAD = [
    ("CHATAPP_ENV", "staging"),
    ("PORT", "0"),
    ("PORT", "65536"),
    ("PORT", "80.5"),
    ("PORT", "http"),
    ("PORT", " "),
    ("REDIS_URL", "localhost:6379"),
    ("REDIS_URL", "http://h"),
    ("WEB_CONCURRENCY", "0"),
    ("WEB_CONCURRENCY", "two"),
    ("CHATAPP_CONNECTIONS", "0"),
    ("CHATAPP_TRUSTED_PROXIES", "-1"),
    ("CHATAPP_DRAIN_S", "-1"),
    ("OPENAI_API_KEY", "sk x"),
    ("OPENAI_API_KEY", "sk-ä"),
    ("CHATAPP_MODELS", "gpt 4"),
    ("CHATAPP_MODELS", "a," + "x" * 129),
    ("OPENAI_BASE_URL", "localhost:8001"),
    ("OPENAI_BASE_URL", "ftp://x"),
    ("OPENAI_BASE_URL", "http://a b"),
    ("OPENAI_SSE_HEARTBEAT_MS", "0"),
    ("OPENAI_SSE_HEARTBEAT_MS", "10s"),
    ("CHATAPP_DEFAULT_MODEL", "x" * 129),
    ("CHATAPP_TEMPERATURE", "2.1"),
    ("CHATAPP_TEMPERATURE", "nan"),
    ("CHATAPP_MAX_OUTPUT_TOKENS", "0"),
    ("CHATAPP_FIRST_TOKEN_S", "0"),
    ("CHATAPP_FIRST_TOKEN_S", "nan"),
    ("CHATAPP_SILENCE_S", "inf"),
    ("CHATAPP_HISTORY_MESSAGES", "-1"),
    ("CHATAPP_ABANDON_S", "never"),
    ("CHATAPP_VOICES_PER_TURN", "9"),
    ("CHATAPP_UPSTREAM_STREAMS", "0"),
    ("CHATAPP_UPSTREAM_PER_USER", "0"),
    ("CHATAPP_UPSTREAM_PER_TURN", "all"),
    ("SECRET_KEY", "short"),
    ("JWT_SECRET", "x" * 31),
    ("DATABASE_URL", "mysql://u@h/d"),
    ("DATABASE_URL", "postgresql://u@h/d"),
    ("DATABASE_URL", "chatapp.sqlite3"),
    ("CHATAPP_STREAMS_PER_USER", "0"),
    ("CHATAPP_MESSAGES_PER_MINUTE", "0"),
    ("CHATAPP_MESSAGES_PER_MINUTE", "60/minute"),
    ("CHATAPP_RATE_LIMITS", "2"),
    ("CORS_ORIGINS", "*"),
    ("CORS_ORIGINS", "chat.example.org"),
    ("CORS_ORIGINS", "https://chat.example.org/"),
    ("CORS_ORIGINS", "https://*.example.org"),
    ("CORS_ORIGINS", "https://a.example https://b.example"),
    ("CORS_ORIGINS", "null"),
    ("CORS_ORIGINS", "https://user@chat.example.org"),
    ("CORS_ORIGINS", "https://chat.example.org?"),
    ("CORS_ORIGINS", "https://chat.example.org:"),
    ("CORS_ORIGINS", "https://ch\u00e4t.example.org"),
    ("CHATAPP_REGISTRATION", "maybe"),
    ("CHATAPP_FAULTS", "2"),
]


@pytest.fixture
def given_data(tmp_path: Path) -> dict[str, str]:
    return {"CHATAPP_DATA": str(tmp_path / "data")}


@pytest.mark.parametrize(("variable", "written", "field", "value"), GOOD)
def test_each_variable_is_typed(
    given_data: dict[str, str], variable: str, written: str, field: str, value: object
) -> None:
    assert getattr(load_settings({**given_data, variable: written}), field) == value


def test_every_variable_is_tried_here() -> None:
    tried = {variable for variable, *_ in GOOD} | {"CHATAPP_DATA"}
    assert tried == {field.alias for field in Settings.model_fields.values()}


@pytest.mark.parametrize(("variable", "written"), BAD)
def test_a_bad_value_stops_the_start_with_one_line_that_names_the_variable(
    given_data: dict[str, str], variable: str, written: str
) -> None:
    with pytest.raises(ConfigurationError) as stopped:
        load_settings({**given_data, variable: written})
    assert variable in stopped.value.message
    assert "\n" not in stopped.value.message


def test_the_line_does_not_tell_a_secret(given_data: dict[str, str]) -> None:
    for variable, written in {"SECRET_KEY": "canary", "DATABASE_URL": "mysql://u:canary@h/d"}.items():
        with pytest.raises(ConfigurationError) as stopped:
            load_settings({**given_data, variable: written})
        assert "canary" not in stopped.value.message


def test_settings_do_not_show_their_secrets(given_data: dict[str, str]) -> None:
    url = "postgresql+psycopg://u:canary@h/d"
    shown = load_settings(
        {**given_data, "DATABASE_URL": url, "OPENAI_API_KEY": "canary", "SECRET_KEY": "canary" * 9}
    )
    assert "canary" not in repr(shown) + str(shown)


def test_with_nothing_set_it_is_a_development_machine(given_data: dict[str, str], tmp_path: Path) -> None:
    found = load_settings(given_data)
    assert found.database_url.get_secret_value() == f"sqlite:///{tmp_path}/data/chatapp.sqlite3"
    assert found.on_sqlite
    assert found.simulated
    assert found.registration_open
    assert not found.production
    assert not found.faults
    assert (found.host, found.port, found.heartbeat_ms, found.default_model) == (
        "127.0.0.1",
        8000,
        10_000,
        "gpt-6-luna",
    )


def test_an_empty_variable_is_as_good_as_none(given_data: dict[str, str]) -> None:
    empty = {str(field.alias): "" for field in Settings.model_fields.values()}
    assert load_settings({**empty, **given_data}) == load_settings(given_data)


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "OPENAI_BASE_URL"])
def test_either_a_key_or_an_address_means_a_real_upstream(given_data: dict[str, str], variable: str) -> None:
    assert not load_settings({**given_data, variable: "http://x"}).simulated


@pytest.mark.parametrize("missing", ["SECRET_KEY", "JWT_SECRET"])
def test_production_demands_its_secrets(given_data: dict[str, str], tmp_path: Path, missing: str) -> None:
    load_settings(given_data)  # those of development do not count
    with pytest.raises(ConfigurationError, match=missing):
        load_settings({**given_data, **PRODUCTION, missing: ""})


def test_production_closes_registration_unless_it_is_opened(given_data: dict[str, str]) -> None:
    assert not load_settings({**given_data, **PRODUCTION}).registration_open
    assert load_settings({**given_data, **PRODUCTION, "CHATAPP_REGISTRATION": "open"}).registration_open
    assert not load_settings({**given_data, "CHATAPP_REGISTRATION": "closed"}).registration_open


def test_limits_per_time_count_in_production_unless_they_are_switched(given_data: dict[str, str]) -> None:
    assert load_settings({**given_data, **PRODUCTION}).rate_limits_on
    assert not load_settings(given_data).rate_limits_on
    assert not load_settings({**given_data, **PRODUCTION, "CHATAPP_RATE_LIMITS": "0"}).rate_limits_on
    assert load_settings({**given_data, "CHATAPP_RATE_LIMITS": "1"}).rate_limits_on


def test_development_secrets_are_made_once_and_kept_for_nobody_else(
    given_data: dict[str, str], tmp_path: Path
) -> None:
    first, second = load_settings(given_data), load_settings(given_data)
    assert first == second
    secrets = {first.secret_key.get_secret_value(), first.jwt_secret.get_secret_value()}
    assert len(secrets) == 2
    assert all(len(each) >= 32 for each in secrets)
    files = sorted((tmp_path / "data").iterdir())
    assert [file.name for file in files] == ["jwt_secret", "secret_key"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_other_folders_have_other_secrets(tmp_path: Path) -> None:
    made = {load_settings({"CHATAPP_DATA": str(tmp_path / name)}).secret_key for name in ("a", "b")}
    assert len(made) == 2


def test_a_kept_secret_that_somebody_has_shortened_stops_the_start(
    given_data: dict[str, str], tmp_path: Path
) -> None:
    load_settings(given_data)
    (tmp_path / "data" / "jwt_secret").write_text("short")
    with pytest.raises(ConfigurationError, match="JWT_SECRET"):
        load_settings(given_data)


@pytest.mark.parametrize("variable", ["SECRET_KEY", "JWT_SECRET", "DATABASE_URL", "OPENAI_API_KEY"])
def test_a_secret_may_be_in_a_file(given_data: dict[str, str], tmp_path: Path, variable: str) -> None:
    value = "sqlite:////x.sqlite3" if variable == "DATABASE_URL" else SECRET.replace(" ", "-")
    (tmp_path / "file").write_text(f"{value}\n")
    by_file = load_settings({**given_data, f"{variable}_FILE": str(tmp_path / "file")})
    assert by_file == load_settings({**given_data, variable: value})


@pytest.mark.parametrize("variable", ["SECRET_KEY", "OPENAI_API_KEY"])
def test_a_variable_and_its_file_are_one_too_many(
    given_data: dict[str, str], tmp_path: Path, variable: str
) -> None:
    (tmp_path / "file").write_text(SECRET)
    with pytest.raises(ConfigurationError, match=f"{variable} and {variable}_FILE are both set"):
        load_settings({**given_data, variable: SECRET, f"{variable}_FILE": str(tmp_path / "file")})


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
@pytest.mark.parametrize("variable", ["SECRET_KEY", "OPENAI_API_KEY", "DATABASE_URL"])
def test_a_file_that_holds_no_secret_stops_the_start(
    given_data: dict[str, str], tmp_path: Path, content: bytes | None, variable: str
) -> None:
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"{variable}_FILE") as stopped:
        load_settings({**given_data, f"{variable}_FILE": str(tmp_path / "file")})
    assert "\n" not in stopped.value.message


def test_more_than_one_process_is_refused_with_the_reason(given_data: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="WEB_CONCURRENCY above 1 needs REDIS_URL"):
        load_settings({**given_data, "WEB_CONCURRENCY": "2"})
    assert (
        load_settings({**given_data, "WEB_CONCURRENCY": "2", "REDIS_URL": "redis://h"}).web_concurrency == 2
    )


def test_a_data_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="CHATAPP_DATA"):
        load_settings({"CHATAPP_DATA": str(tmp_path / "file" / "data")})


def test_the_environment_is_read_when_nothing_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHATAPP_DATA", str(tmp_path))
    monkeypatch.setenv("PORT", "8123")
    assert load_settings().port == 8123


names = st.sampled_from(
    [*sorted(str(field.alias) for field in Settings.model_fields.values()), "X", "PORT_FILE"]
)


@given(st.dictionaries(names, st.text(st.characters(exclude_characters="\0"), max_size=12), max_size=4))
@settings(max_examples=100, deadline=None)
def test_no_environment_ends_in_anything_but_settings_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]
) -> None:
    data = {"CHATAPP_DATA": str(tmp_path_factory.getbasetemp() / "hypothesis")}
    try:
        assert isinstance(load_settings({**environ, **data}), Settings)
    except ConfigurationError as stopped:
        assert "\n" not in stopped.message
