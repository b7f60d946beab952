"""The models that are offered."""

from __future__ import annotations

from collections.abc import Callable

from chatapp.config import MODEL_NAME, Settings


def well_formed(model: str) -> bool:
    """Whether `model` can be a model's name at all."""
    return MODEL_NAME.fullmatch(model) is not None


class Catalogue:
    """CHATAPP_MODELS if it is set, else what upstream lists, which is not known until it has been asked."""

    def __init__(self, settings: Settings, listed: Callable[[], tuple[str, ...]]) -> None:
        """`listed` asks upstream: `Upstream.models`."""
        self._listed = listed
        self._wanted = settings.default_model
        self._insisted = "default_model" in settings.model_fields_set
        self._fixed = bool(settings.models)
        self.names: tuple[str, ...] = ()
        """In the order to show them in; empty while not known."""
        self._offer(settings.models)

    def refresh(self) -> None:
        """Asks upstream again, unless the list is fixed. Raises UpstreamFailure, and what was known stays."""
        if not self._fixed:
            self._offer(self._listed())

    def _offer(self, models: tuple[str, ...]) -> None:
        names = tuple(filter(well_formed, models))
        if not names:
            # An empty list says nothing: some servers answer anything and list nothing.
            return
        if self._insisted and self._wanted not in names:
            names = (self._wanted, *names)
        self.names = names

    @property
    def known(self) -> bool:
        return bool(self.names)

    def offers(self, model: str) -> bool:
        """Whether `model` may be asked for: any well-formed name while the list is not known."""
        return model in self.names if self.known else well_formed(model)

    @property
    def default(self) -> str:
        """CHATAPP_DEFAULT_MODEL where it is offered, else the first of the list."""
        return self._wanted if not self.known or self._wanted in self.names else self.names[0]
