"""The stream offsets of a phone with the features `ack` and `resume`. Does no I/O.

`StreamOffsets` decides for each received message, by its transport, whether to show the message and what to reply.
docs/reference/protocol-additions.md has the rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ACK, RESUME = "ack", "resume"
FEATURES = (ACK, RESUME)

Reply = tuple[str, dict[str, Any]]
"""An event and its payload, to send to the agent."""


@dataclass
class StreamOffset:
    """A phone's offset in one terminal: the phone has the output of the stream with the id `stream` up to `end`.

    If `stream` or `end` is None, the phone has nothing that the agent could continue. `acknowledged` is the last offset
    that the phone acknowledged. `in_screen`: a part of a screen has arrived. `asked`: the phone has asked for missing
    output. `skipped` counts the bytes that the phone has missed and can't get any longer.
    """

    stream: str | None = None
    end: int | None = None
    acknowledged: int = 0
    in_screen: bool = False
    asked: bool = False
    skipped: int = 0


class StreamOffsets:
    """The offsets of one phone in all terminals."""

    def __init__(self, features: tuple[str, ...] = FEATURES) -> None:
        self._acknowledges = ACK in features
        self._resumes = RESUME in features
        self._places: dict[str, StreamOffset] = {}  # bounded by the agent's terminals
        self._paths: set[str] | None = None
        self._window = 0
        self._used = False

    def of(self, uuid: str) -> StreamOffset:
        """Return the phone's offset in the terminal `uuid`; a new one if it has none."""
        return self._places.setdefault(uuid, StreamOffset())

    def sync(self, payload: Mapping[str, Any], path: str) -> list[Reply]:
        """Process `processes:sync`: drop terminals that have ended.

        If the agent waits for the phone's offsets, return a list with the reply that contains them; otherwise an empty
        list. `path` is the transport by which the message arrived.
        """
        self._used = "resume" in payload or "window" in payload  # otherwise the agent does not have the features
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
        return "terminal:resume", {"terminals": [self._resume_entry(uuid) for uuid in uuids]}

    def _resume_entry(self, uuid: str) -> dict[str, Any]:
        place = self.of(uuid)
        if place.stream is None or place.end is None:
            return {"uuid": uuid}
        return {"uuid": uuid, "stream": place.stream, "end": place.end}

    def screen(self, payload: Mapping[str, Any], path: str) -> tuple[bool, list[Reply]]:
        """Process `process:screen` from the transport `path`. Return whether to show the screen, and the replies."""
        if not self._used:
            return True, []
        if self._elsewhere(path):
            return False, []
        place = self.of(payload["uuid"])
        place.asked, place.in_screen = False, True
        place.skipped += payload.get("skipped", 0)
        return True, self._reached(payload["uuid"], place, payload.get("end"))

    def output(self, payload: Mapping[str, Any], path: str) -> tuple[bool, list[Reply]]:
        """Process `terminal:output` from the transport `path`. Return whether to show the output, and the replies."""
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
            place.end = 0  # a new terminal
        if payload["offset"] == place.end:
            place.asked = False
            return True, self._reached(uuid, place, payload["end"])
        return False, self._gap(uuid, place, payload["end"])

    def _elsewhere(self, path: str) -> bool:
        return self._paths is not None and path not in self._paths

    def _asked(self, uuid: str, place: StreamOffset, end: int) -> list[Reply]:
        """Return the replies to a message without output: the agent asks whether the phone has all output up to `end`.

        If the phone's offset differs, output was lost, and the reply asks for it.
        """
        if place.end != end and self._resumes:
            place.asked = True
            return [self._resume(uuid)]
        return self._acknowledged(uuid, place)

    def _gap(self, uuid: str, place: StreamOffset, end: int) -> list[Reply]:
        """Return the replies to output that does not continue at the offset and is not shown.

        If the output has bytes that are new to the phone, the reply asks for all output from the phone's offset on. The
        phone asks only once.
        """
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
