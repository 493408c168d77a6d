"""For any requests in any order, tabs match the requests, and the store matches the tabs."""

import asyncio
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from mobifai.bounds import Ledger
from mobifai.errors import TerminalError
from mobifai.protocol import messages
from mobifai.protocol.features import NO_FEATURES
from mobifai.session.terminals import SessionTerminals
from mobifai.terminals.shells import ShellSpec
from mobifai.terminals.store import TabStore
from mobifai.terminals.tabs import Tabs
from tests.terminals.fakes import FakeSpawner, Notes

MOST = 4


class TabsMachine(RuleBasedStateMachine):
    tabs_made = Bundle("tabs_made")

    @initialize()
    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.dir = tempfile.TemporaryDirectory()
        self.ledger = Ledger({"terminals": MOST})
        self.spawner = FakeSpawner()
        self.clock = 1000
        self.names: dict[str, str] = {}
        self.active: list[str] = []
        self.count = 0
        self.open()

    def open(self) -> None:
        self.notes = Notes()
        self.store = TabStore(Path(self.dir.name) / "tabs.sqlite")

        async def build() -> Tabs:
            spec = ShellSpec(("/bin/sh",), {}, "/")
            return Tabs(self.ledger, self.spawner, self.store, lambda: spec, lambda: self.clock)

        self.tabs = self.loop.run_until_complete(build())
        self.session = None

    async def connect(self) -> None:
        if self.session is None:
            self.session = SessionTerminals(self.tabs, self.ledger, NO_FEATURES, self.notes)
        self.session.start()

    async def disconnect(self) -> None:
        if self.session is not None:
            self.session.close()
        self.session = None

    def ask(self, request: str, message) -> None:
        """Send a phone's request, and connect a phone if there is none."""
        if self.session is None:
            self.phone_comes()
        self.do(getattr(self.session, request), message)

    def do(self, action, *arguments) -> None:
        async def act() -> None:
            action(*arguments)
            await asyncio.sleep(0)

        self.loop.run_until_complete(act())

    @rule(target=tabs_made, name=st.none() | st.sampled_from(["build", "漢字"]), cols=st.sampled_from([80, 0, 100_000]))
    def create(self, name, cols):
        self.count += 1
        uuid = f"tab-{self.count}"
        message = messages.ProcessCreate(uuid=uuid, name=name, cols=cols, rows=24)
        if len(self.names) >= MOST or cols != 80:
            with pytest.raises(TerminalError) as error:
                self.ask("create", message)
            assert error.value.uuid == uuid
            return multiple()
        self.ask("create", message)
        self.names[uuid] = name or next(f"Tab {n}" for n in range(1, 9) if f"Tab {n}" not in self.names.values())
        self.active = [uuid]
        return uuid

    @rule(uuid=tabs_made)
    def create_again(self, uuid):
        if uuid in self.names:
            self.ask("create", messages.ProcessCreate(uuid=uuid, name="other"))
            self.active = [uuid]

    @rule(uuid=consumes(tabs_made))
    def terminate(self, uuid):
        self.if_known(uuid, "terminate", messages.ProcessRef(uuid=uuid))
        self.forget(uuid)

    @rule(uuid=consumes(tabs_made))
    def shell_ends(self, uuid):
        if uuid in self.names:
            self.do(self.spawner.exit, self.tabs.find(uuid).pid)
            self.loop.run_until_complete(self.until(lambda: len(self.tabs) < len(self.names)))
            if self.session is not None:
                assert messages.ProcessExited(uuid=uuid) in self.notes.events("process:exited")
            self.forget(uuid)

    async def until(self, condition) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.001)

    def forget(self, uuid) -> None:
        self.names.pop(uuid, None)
        self.active = [one for one in self.active if one != uuid]

    @rule(uuid=tabs_made, name=st.text("abc", min_size=1, max_size=5))
    def rename(self, uuid, name):
        self.if_known(uuid, "rename", messages.ProcessNamed(uuid=uuid, name=name))
        if uuid in self.names:
            self.names[uuid] = name

    @rule(uuids=st.lists(tabs_made | st.just("nobody"), max_size=4))
    def switch(self, uuids):
        self.ask("switch", messages.ProcessSwitch(active_uuids=tuple(uuids)))
        self.active = list(dict.fromkeys(uuid for uuid in uuids if uuid in self.names))

    @rule(uuid=tabs_made, text=st.text("xyé漢", max_size=10))
    def type(self, uuid, text):
        self.if_known(uuid, "type", messages.ProcessData(uuid=uuid, data=text))

    @rule(text=st.text("xy", max_size=3))
    def type_into_the_first(self, text):
        if self.active:
            self.ask("type", text)
        else:
            with pytest.raises(TerminalError):
                self.ask("type", text)

    @rule(uuid=st.none() | tabs_made, cols=st.sampled_from([1, 132, 1000, 1001, -1]))
    def resize(self, uuid, cols):
        message = messages.TerminalResize(cols=cols, rows=50, uuid=uuid)
        if not 1 <= cols <= 1000:
            with pytest.raises(TerminalError):
                self.ask("resize", message)
            return
        if uuid is None:
            self.ask("resize", message)
        else:
            self.if_known(uuid, "resize", message)
        for one in [uuid] if uuid else list(self.names):
            if one in self.names:
                assert os.get_terminal_size(self.spawner.slaves[self.tabs.find(one).pid]) == (cols, 50)

    def if_known(self, uuid, action, message) -> None:
        if uuid in self.names:
            self.ask(action, message)
        else:
            with pytest.raises(TerminalError) as error:
                self.ask(action, message)
            assert error.value.uuid == uuid

    @rule()
    def phone_comes(self):
        self.loop.run_until_complete(self.connect())

    @rule()
    def phone_leaves(self):
        self.loop.run_until_complete(self.disconnect())

    @rule(uuid=tabs_made)
    def shell_prints(self, uuid):
        if uuid not in self.names:
            return
        terminal = self.tabs.find(uuid)
        position = terminal.ring.end
        os.write(self.spawner.slaves[terminal.pid], b"printed")
        self.loop.run_until_complete(self.until(lambda: terminal.ring.end == position + 7))
        if self.session is not None and uuid in self.active:
            assert self.notes.output[uuid].endswith("printed")

    @rule()
    def agent_restarts(self):
        self.phone_leaves()
        self.do(self.tabs.close)
        self.store.close()
        self.open()
        self.do(self.tabs.restore)

    @rule()
    def shell_does_not_start(self):
        self.spawner.fails_with = "no such shell"
        if len(self.names) < MOST:
            with pytest.raises(TerminalError, match="no such shell"):
                self.ask("create", messages.ProcessCreate(uuid="never"))
        self.spawner.fails_with = None

    @invariant()
    def tabs_match_the_model(self):
        terminals = self.tabs.terminals
        assert {terminal.uuid: terminal.tab.name for terminal in terminals} == self.names
        assert [terminal.uuid for terminal in terminals] == sorted(self.names, key=lambda u: int(u.split("-")[1]))
        # a restart gives the active ones in the tabs' order
        assert set(self.tabs.active) == set(self.active)
        self.active = list(self.tabs.active)
        if self.session is not None:
            sync = self.session.sync(resume=False)
            assert [process.uuid for process in sync.processes] == [terminal.uuid for terminal in terminals]
            assert sync.active_uuids == self.tabs.active

    @invariant()
    def only_active_tabs_are_watched_and_only_by_a_phone(self):
        for terminal in self.tabs.terminals:
            assert terminal.flow.is_watched == (self.session is not None and terminal.uuid in self.active)

    @invariant()
    def the_store_knows(self):
        saved = self.store.load()
        assert {one.tab.uuid: one.tab.name for one in saved} == self.names
        assert {one.tab.uuid for one in saved if one.active} == set(self.active)

    @invariant()
    def nothing_is_left_of_what_ended(self):
        assert len(self.spawner.slaves) == len(self.names)
        rings = next(entry for entry in self.ledger.entries() if entry.name == "terminal.ring")
        assert rings.instances == len(self.names)
        windows = next(entry for entry in self.ledger.entries() if entry.name == "terminal.window")
        assert windows.instances == (len(self.names) if self.session is not None else 0)

    def teardown(self) -> None:
        if hasattr(self, "tabs"):
            self.phone_leaves()
            self.do(self.tabs.close)
            self.store.close()
            self.spawner.close()
            self.loop.close()
            self.dir.cleanup()


TabsMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40)
TestTabs = TabsMachine.TestCase
