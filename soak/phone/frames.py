"""Frames of section 1 of the protocol, in the styles of the React Native and the Flutter app. Does no I/O."""

from typing import Literal

from soak.phone.event_log import Json

FrameStyle = Literal["react", "flutter"]
CODE = "code:"


def action(event: str) -> str:
    """Return the name of an event on the wire: events of the code editor lose the prefix `code:`."""
    return event.removeprefix(CODE)


def frame(style: FrameStyle, event: str, payload: Json) -> dict[str, Json]:
    """Return the frame that the app `style` would send for an event on the data channel, as a JSON object."""
    if style == "flutter":
        return {"type": action(event), "payload": payload}
    namespace = "code" if event.startswith(CODE) else "terminal"
    return {"namespace": namespace, "action": action(event), "payload": payload}
