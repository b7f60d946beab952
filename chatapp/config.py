"""Settings: read once from the environment, typed, and fatal when wrong."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from chatapp.errors import ConfigurationError

SECRET_LENGTH = 32
"""Characters that a secret must have at least."""

MODEL_NAME = re.compile(r"[A-Za-z0-9._:/@+-]{1,128}")
"""The shape of a model's name."""

_KEY = re.compile(r"[!-~]+")
_ORIGIN = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.IGNORECASE | re.ASCII)
_USUAL_PORTS = {"http": "80", "https": "443"}
_REDIS = ("redis://", "rediss://", "unix://")
_DATABASES = ("sqlite:///", "postgresql+psycopg://")

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Origins = tuple[str, ...]


class Settings(BaseModel):
    """What the environment says. A field's alias is the variable's name; docs/settings.md describes each."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    env: Literal["development", "production"] = Field("development", alias="CHATAPP_ENV")
    host: str = Field("127.0.0.1", alias="HOST", min_length=1)
    port: int = Field(8000, alias="PORT", ge=1, le=65_535)
    data: Path = Field(Path("var"), alias="CHATAPP_DATA")
    database_url: SecretStr = Field(SecretStr(""), alias="DATABASE_URL")
    redis_url: SecretStr | None = Field(None, alias="REDIS_URL")
    web_concurrency: int = Field(1, alias="WEB_CONCURRENCY", ge=1, le=256)
    connections: int = Field(1000, alias="CHATAPP_CONNECTIONS", ge=1, le=100_000)
    trusted_proxies: int = Field(0, alias="CHATAPP_TRUSTED_PROXIES", ge=0, le=10)
    body_s: Seconds = Field(120, alias="CHATAPP_BODY_S")
    drain_s: Seconds = Field(600, alias="CHATAPP_DRAIN_S")
    direct_reads: bool = Field(True, alias="CHATAPP_DIRECT_READS")
    direct_writes: bool = Field(True, alias="CHATAPP_DIRECT_WRITES")

    openai_api_key: SecretStr | None = Field(None, alias="OPENAI_API_KEY")
    openai_base_url: str | None = Field(None, alias="OPENAI_BASE_URL", pattern=r"^https?://\S+$")
    heartbeat_ms: int = Field(10_000, alias="OPENAI_SSE_HEARTBEAT_MS", ge=50, le=3_600_000)
    default_model: str = Field("gpt-6-luna", alias="CHATAPP_DEFAULT_MODEL")
    models: tuple[str, ...] = Field((), alias="CHATAPP_MODELS")
    temperature: float | None = Field(None, alias="CHATAPP_TEMPERATURE", ge=0, le=2)
    max_output_tokens: int = Field(2000, alias="CHATAPP_MAX_OUTPUT_TOKENS", ge=1, le=1_000_000)
    prices: Path | None = Field(None, alias="CHATAPP_PRICES")
    first_token_s: Seconds = Field(30, alias="CHATAPP_FIRST_TOKEN_S")
    silence_s: Seconds = Field(60, alias="CHATAPP_SILENCE_S")
    history_messages: int = Field(10, alias="CHATAPP_HISTORY_MESSAGES", ge=0, le=1000)
    abandon_s: Seconds = Field(300, alias="CHATAPP_ABANDON_S")
    upstream_streams: int | None = Field(None, alias="CHATAPP_UPSTREAM_STREAMS", ge=1, le=100_000)
    upstream_per_user: int = Field(32, alias="CHATAPP_UPSTREAM_PER_USER", ge=1, le=100_000)
    upstream_per_turn: int = Field(8, alias="CHATAPP_UPSTREAM_PER_TURN", ge=1, le=100)
    voices_per_turn: int = Field(8, alias="CHATAPP_VOICES_PER_TURN", ge=1, le=8)

    secret_key: SecretStr = Field(SecretStr(""), alias="SECRET_KEY")
    jwt_secret: SecretStr = Field(SecretStr(""), alias="JWT_SECRET")
    streams_per_user: int = Field(20, alias="CHATAPP_STREAMS_PER_USER", ge=1, le=100_000)
    messages_per_minute: int = Field(60, alias="CHATAPP_MESSAGES_PER_MINUTE", ge=1, le=10_000)
    rate_limits: bool | None = Field(None, alias="CHATAPP_RATE_LIMITS")
    cors_origins: Origins = Field((), alias="CORS_ORIGINS")
    registration: Literal["open", "closed"] | None = Field(None, alias="CHATAPP_REGISTRATION")
    faults: bool = Field(False, alias="CHATAPP_FAULTS")

    @property
    def production(self) -> bool:
        return self.env == "production"

    @property
    def registration_open(self) -> bool:
        """Whether strangers may make an account: by default in development alone."""
        return self.registration == "open" or (self.registration is None and not self.production)

    @property
    def rate_limits_on(self) -> bool:
        """Whether the limits per time count: by default in production alone. That of open streams always does."""
        return self.production if self.rate_limits is None else self.rate_limits

    @property
    def most_upstream_streams(self) -> int:
        """Answers that this process may ask upstream for at once: by default as many as it holds connections."""
        return self.connections if self.upstream_streams is None else self.upstream_streams

    @property
    def simulated(self) -> bool:
        """Whether upstream is the simulator: neither a key nor a base URL was given."""
        return self.openai_api_key is None and self.openai_base_url is None

    @property
    def on_sqlite(self) -> bool:
        return self.database_url.get_secret_value().startswith("sqlite")

    @field_validator("models", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("models", "default_model")
    @classmethod
    def _well_formed(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for name in (value,) if isinstance(value, str) else value:
            if not MODEL_NAME.fullmatch(name):
                raise ValueError("a model's name has 1 to 128 of A-Z, a-z, 0-9 and ._:/@+-")
        return value

    @field_validator("openai_api_key")
    @classmethod
    def _one_word(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _KEY.fullmatch(value.get_secret_value()):
            raise ValueError("a key has visible ASCII characters only")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _whole_origins(cls, value: Origins) -> Origins:
        return tuple(map(_as_browsers_send_it, value))

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not value.get_secret_value().startswith(_DATABASES):
            raise ValueError("must start with " + " or ".join(_DATABASES))
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(_REDIS):
            raise ValueError("must start with " + ", ".join(_REDIS))
        return value

    @model_validator(mode="after")
    def _processes_share(self) -> Self:
        if self.web_concurrency > 1 and self.redis_url is None:
            raise ValueError(
                "WEB_CONCURRENCY above 1 needs REDIS_URL: without it the event log is in one process's memory, "
                "and a reader who reaches another process would follow the answer second-hand"
            )
        return self


def _as_browsers_send_it(origin: str) -> str:
    """The origin in lower case and without its scheme's usual port: written otherwise it would match nothing."""
    written = _ORIGIN.fullmatch(origin)
    if written is None:
        raise ValueError(
            "each origin is a scheme, a host in ASCII and perhaps a port, such as https://chat.example.org"
        )
    scheme, host, port = written[1].lower(), written[2].lower(), written[3]
    return f"{scheme}://{host}" if port in (None, _USUAL_PORTS[scheme]) else f"{scheme}://{host}:{port}"


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environ` (the process's own by default), with the data folder and secrets in place.

    Raises ConfigurationError with one line that names the variable.
    """
    given = _with_files(os.environ if environ is None else environ)
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        raise ConfigurationError(_one_line(error)) from None
    return _completed(settings)


def _with_files(environ: Mapping[str, str]) -> dict[str, Any]:
    """The variables that are set, with `NAME_FILE` read where `NAME` is a secret."""
    given: dict[str, Any] = {}
    for field in Settings.model_fields.values():
        name = str(field.alias)
        secret = "SecretStr" in str(field.annotation)
        if path := environ.get(f"{name}_FILE") if secret else None:
            if environ.get(name):
                raise ConfigurationError(f"{name} and {name}_FILE are both set; keep one.")
            given[name] = _read_secret(name, Path(path))
        elif environ.get(name):
            given[name] = environ[name]
    return given


def _read_secret(name: str, path: Path) -> str:
    try:
        value = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{name}_FILE cannot be read: {type(error).__name__}.") from None
    if not value:
        raise ConfigurationError(f"{name}_FILE names an empty file.")
    return value


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    reason = str(first["msg"]).removeprefix("Value error, ")
    return ": ".join([*map(str, first["loc"][:1]), reason])


def _completed(settings: Settings) -> Settings:
    """Fills in what has no fixed default: the database's place and, in development, kept secrets."""
    data = settings.data.absolute()
    update: dict[str, Any] = {"data": data}
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(f"CHATAPP_DATA cannot be made: {error.strerror}.") from None
    if not settings.database_url.get_secret_value():
        update["database_url"] = SecretStr(f"sqlite:///{data / 'chatapp.sqlite3'}")
    for name, field in (("SECRET_KEY", "secret_key"), ("JWT_SECRET", "jwt_secret")):
        update[field] = _secret(settings, name, getattr(settings, field).get_secret_value())
    return settings.model_copy(update=update)


def _secret(settings: Settings, name: str, given: str) -> SecretStr:
    if not given and settings.production:
        raise ConfigurationError(f"{name}: must be set in production (at least {SECRET_LENGTH} characters)")
    value = given or _kept_secret(settings.data.absolute() / name.lower())
    if len(value) < SECRET_LENGTH:
        raise ConfigurationError(f"{name}: must have at least {SECRET_LENGTH} characters")
    return SecretStr(value)


def _kept_secret(path: Path) -> str:
    """The development secret in `path`, made on first use; two processes that start at once agree on one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48), "utf-8")
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # the other process was first, and its secret counts
        finally:
            draft.unlink()
    return path.read_text("utf-8").strip()
