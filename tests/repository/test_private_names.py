"""Product code uses private names of its own classes alone, by the check in `private_names`."""

import ast

import pytest

from tests.repository.private_names import ROOT, SOURCES, WITHOUT_ALTERNATIVE, findings, private_uses


def test_no_file_uses_private_names_of_others() -> None:
    assert [str(one) for one in findings()] == []


def test_each_name_without_an_alternative_is_used() -> None:
    trees = [ast.parse(path.read_text()) for source in SOURCES for path in (ROOT / source).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    used = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}
    used |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert WITHOUT_ALTERNATIVE.keys() - used == set()


@pytest.mark.parametrize(
    "code",
    [
        "agent.links._state",
        "self.agent._state",
        "self._agent._state",
        "agent()._state",
        "agents[0]._state",
        "agent._state = 1",
        "del agent._state",
        "agent._do(1)",
        "type(agent)._do(1)",
        "module._helper()",
        "from module import _helper",
        "from module import public, _helper as helper",
        "getattr(agent, '_state')",
        "getattr(agent, '_state', None)",
        "hasattr(agent, '_state')",
        "setattr(agent, '_state', 1)",
        "delattr(agent, '_state')",
        "object.__setattr__(agent, '_state', 1)",
        "object.__getattribute__(agent, '_state')",
        "vars(agent)['_state']",
        "agent.__dict__['_state']",
        "operator.attrgetter('_state')(agent)",
        "operator.attrgetter('links._state')(agent)",
        "methodcaller('_do', 1)(agent)",
        "patch.object(agent, '_state')",
        "mock.patch.object(Agent, '_do', autospec=True)",
        "patch('mobifai.agent.agent._helper')",
        "patch('mobifai.agent.agent.Agent._do')",
        "monkeypatch.setattr(agent, '_state', 1)",
        "monkeypatch.setattr('mobifai.agent._helper', 1)",
        "monkeypatch.delattr(agent, '_state')",
        "wrap((agent.links, '_begin', 1))",
        "lambda agent: agent._state",
        "f'{agent._state}'",
        "match agent:\n    case Agent(_state=1): pass",
        "class A:\n    def do(self, other: Agent): return other._state",
        "class A:\n    def do(self, a: A):\n        a = agent\n        return a._state",
    ],
)
def test_a_private_name_of_another_is_found(code: str) -> None:
    assert len(private_uses(code)) == 1


@pytest.mark.parametrize(
    "code",
    [
        "self._state",
        "cls._state",
        "super()._do()",
        "getattr(self, '_state')",
        "type(self)._state",
        "agent.state",
        "agent.__class__",
        "agent.__dict__['state']",
        "os._exit(0)",
        "sys._getframe(1)",
        "row._replace(a=1)",
        "def _helper(): pass\n_helper()",
        "for _ in range(3): pass",
        "class A:\n    def do(self, a: 'A'): return a._state",
        "class A:\n    def do(self, a: A | None): return a._state",
        "class A:\n    def __eq__(self, other): return self._state == other._state",
        "class A:\n    @classmethod\n    def make(cls):\n        a = cls()\n        a._state = 1",
        "class A:\n    def copy(self):\n        twin = copy(self)\n        twin._state = 1",
        "class A:\n    def copy(self):\n        twin = object.__new__(A)\n        twin._state = 1",
        "class A: pass\nclass B:\n    def __init__(self, a: A): self._a = a\n    def do(self): return self._a._state",
        "class A: pass\nA()._state\nwith A() as a: a._state",
    ],
)
def test_what_belongs_to_the_module_itself_is_no_finding(code: str) -> None:
    assert private_uses(code) == []
