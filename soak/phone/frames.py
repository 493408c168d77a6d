"""The forms in which phones write: the frames of section 1, as React Native's app or Flutter's does. Pure."""

from typing import Literal

from soak.phone.event_log import Json

FrameStyle = Literal["react", "flutter"]
CODE = "code:"


def action(event: str) -> str:
    """The name by which an event goes over the wire: one of the code editor has no prefix there."""
    return event.removeprefix(CODE)


def frame(style: FrameStyle, event: str, payload: Json) -> dict[str, Json]:
    """A phone's message on the data channel."""
    if style == "flutter":
        return {"type": action(event), "payload": payload}
    namespace = "code" if event.startswith(CODE) else "terminal"
    return {"namespace": namespace, "action": action(event), "payload": payload}
