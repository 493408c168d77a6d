"""How far a phone is with each terminal's stream, as a phone with the features `ack` and `resume` keeps it. Pure.

Told what comes, and by which path, it says whether that is to be shown and what is to be answered. See
docs/reference/protocol-additions.md for the rules that it keeps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ACK, RESUME = "ack", "resume"
FEATURES = (ACK, RESUME)

Reply = tuple[str, dict[str, Any]]
"""An event and its payload, for the agent."""


@dataclass
class StreamOffset:
    """One terminal: it has all of `stream` up to `end`; None: nothing that goes on.

    `in_screen`: a screen is coming, of which not all is there. `asked`: it waits for what it asked for.
    """

    stream: str | None = None
    end: int | None = None
    acknowledged: int = 0
    in_screen: bool = False
    asked: bool = False
    skipped: int = 0


class StreamOffsets:
    """The places of one phone with these features."""

    def __init__(self, features: tuple[str, ...] = FEATURES) -> None:
        self._acknowledges = ACK in features
        self._resumes = RESUME in features
        self._places: dict[str, StreamOffset] = {}  # bounded by the agent's terminals
        self._paths: set[str] | None = None
        self._window = 0
        self._used = False

    def of(self, uuid: str) -> StreamOffset:
        """The place in a terminal."""
        return self._places.setdefault(uuid, StreamOffset())

    def sync(self, payload: Mapping[str, Any], path: str) -> list[Reply]:
        """`processes:sync` came: terminals that are no more are forgotten, and what the agent waits for is said."""
        self._used = "resume" in payload or "window" in payload  # else the agent does not know of it
        self._window = payload.get("window", 0)
        listed = {process["uuid"]: process.get("stream") for process in payload["processes"]}
        kept = {uuid: place for uuid, place in self._places.items() if uuid in listed}
        self._places = {
            uuid: place if (place := kept.get(uuid)) is not None and place.stream in (None, stream) else StreamOffset()
            for uuid, stream in listed.items()
        }
        for uuid, stream in listed.items():
            self._places[uuid].stream = stream
        if not payload.get("resume"):
            self._paths = None if self._paths is None else self._paths | {path}
            return []
        self._paths = {path}
        return [self._resume(*listed)]

    def _resume(self, *uuids: str) -> Reply:
        for uuid in uuids:
            self.of(uuid).in_screen = False
        return "terminal:resume", {"terminals": [self._told(uuid) for uuid in uuids]}

    def _told(self, uuid: str) -> dict[str, Any]:
        place = self.of(uuid)
        if place.stream is None or place.end is None:
            return {"uuid": uuid}
        return {"uuid": uuid, "stream": place.stream, "end": place.end}

    def screen(self, payload: Mapping[str, Any], path: str) -> tuple[bool, list[Reply]]:
        """`process:screen` came: whether to show it, and what to answer."""
        if not self._used:
            return True, []
        if self._elsewhere(path):
            return False, []
        place = self.of(payload["uuid"])
        place.asked, place.in_screen = False, True
        place.skipped += payload.get("skipped", 0)
        return True, self._reached(payload["uuid"], place, payload.get("end"))

    def output(self, payload: Mapping[str, Any], path: str) -> tuple[bool, list[Reply]]:
        """`terminal:output` came: whether to show it, and what to answer."""
        if not self._used:
            return True, []
        if self._elsewhere(path):
            return False, []
        uuid, place = payload["uuid"], self.of(payload["uuid"])
        if "offset" not in payload:
            return (True, self._reached(uuid, place, payload.get("end"))) if place.in_screen else (False, [])
        if payload["offset"] == payload["end"]:
            return False, self._asked(uuid, place, payload["end"])
        if place.end is None and not place.asked and not place.in_screen and payload["offset"] == 0:
            place.end = 0  # a terminal that is new
        if payload["offset"] == place.end:
            place.asked = False
            return True, self._reached(uuid, place, payload["end"])
        return False, self._gap(uuid, place, payload["end"])

    def _elsewhere(self, path: str) -> bool:
        return self._paths is not None and path not in self._paths

    def _asked(self, uuid: str, place: StreamOffset, end: int) -> list[Reply]:
        """The agent asks how far it is; where that is not what the agent has sent, something was lost."""
        if place.end != end and self._resumes:
            place.asked = True
            return [self._resume(uuid)]
        return self._acknowledged(uuid, place)

    def _gap(self, uuid: str, place: StreamOffset, end: int) -> list[Reply]:
        """Output that does not go on where the phone is: it is passed over, and asked for if there is news in it."""
        if not self._resumes or place.asked or (place.end is not None and end <= place.end):
            return []
        place.asked = True
        return [self._resume(uuid)]

    def _reached(self, uuid: str, place: StreamOffset, end: int | None) -> list[Reply]:
        place.end, place.in_screen = end, end is None
        due = end is not None and end - place.acknowledged >= self._window // 4
        return self._acknowledged(uuid, place) if due else []

    def _acknowledged(self, uuid: str, place: StreamOffset) -> list[Reply]:
        if not self._acknowledges or place.end is None:
            return []
        place.acknowledged = place.end
        return [("terminal:ack", {"uuid": uuid, "end": place.end})]
