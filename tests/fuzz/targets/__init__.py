"""The targets, in the order in which they take turns."""

from tests.fuzz.target import Target
from tests.fuzz.targets.agent_events import AgentEvents
from tests.fuzz.targets.answers import HttpAnswers, RelayHandshakes
from tests.fuzz.targets.channel import ChannelFrames, SealedFrames
from tests.fuzz.targets.control import Control
from tests.fuzz.targets.keeper import Keeper, KeepersAgent
from tests.fuzz.targets.relay_events import OwnRelayEvents, RelayEvents
from tests.fuzz.targets.requests import HttpRequests, RelayPackets
from tests.fuzz.targets.signals import Datagrams, Descriptions, SctpPackets, SealedMessages
from tests.fuzz.targets.state_files import StateFiles

TARGETS: dict[str, type[Target]] = {
    target.name: target
    for target in (
        RelayHandshakes,
        RelayPackets,
        RelayEvents,
        OwnRelayEvents,
        HttpRequests,
        HttpAnswers,
        AgentEvents,
        SealedMessages,
        SealedFrames,
        ChannelFrames,
        Descriptions,
        Datagrams,
        SctpPackets,
        Control,
        Keeper,
        KeepersAgent,
        StateFiles,
    )
}
