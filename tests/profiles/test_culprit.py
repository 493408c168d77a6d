"""From evidence to culprits: the line that keeps objects comes first, and growth without a line is reported."""

import threading

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from profiles.attribution.culprit import find_culprits, ranked
from profiles.evidence import Evidence, Leftover, NativeAllocation
from profiles.results import Culprit, Unattributed
from tests.profiles.evidence_of import LIBRARY, OTHER, OWN, container, evidence, name_line, site
from tests.profiles.sample_profiles import CONTAINER


def judged(reported: Evidence) -> tuple[list[Culprit], list[Unattributed]]:
    return find_culprits(reported, name_line, adders, "mobifai profile run")


def adders(file: str, name: str) -> list[int]:
    """`program.kept` is in two lines of one file and in one of the other."""
    return {(OWN, "kept"): [12, 25], (OTHER, "kept"): [7]}.get((file, name), [])


def only(reported: Evidence) -> Culprit:
    found, open_ = judged(reported)
    assert (len(found), open_) == (1, []), found
    return found[0]


def test_nothing_that_rises_is_nobody_s_fault() -> None:
    assert judged(evidence()) == ([], [])


def test_the_line_that_keeps_is_to_blame_for_what_another_line_made() -> None:
    keeper = container(((OWN, 12),), explains=(0,), made_at=[(OTHER, 5)])
    reported = evidence(sites=(site(0, ((OTHER, 5),), size=300.0),), containers=(keeper,))
    found = only(reported)
    assert (found.kind, found.file, found.line, found.function) == ("container", OWN, 12, "keep_it")
    assert [one.line for one in found.made_at] == [5]
    assert (found.bytes_per_cycle, found.objects_per_cycle) == (300.0, 1.0)
    assert found.retained_by == "module program.kept: list"
    assert found.confidence == "high"


def test_a_line_of_pythons_own_library_comes_after_the_lines_that_can_be_changed() -> None:
    pythons = replace(CONTAINER, file=threading.__file__, bytes_per_cycle=6_000.0)
    ours, unsure = replace(CONTAINER, bytes_per_cycle=900.0), replace(CONTAINER, confidence="medium")
    assert ranked([unsure, pythons, ours]) == [ours, pythons, unsure]


def test_a_day_is_reckoned_from_the_cycles_of_this_run() -> None:
    found = only(evidence(containers=(container(((OWN, 12),)),)))
    assert found.per_24h == 100.0 * 2 * 86_400


def test_what_is_below_the_container_s_path_is_the_container_s_too() -> None:
    below = site(0, ((OTHER, 5),), path="module program.kept → [3].name: str")
    assert only(evidence(sites=(below,), containers=(container(((OWN, 12),)),))).line == 12


def test_a_library_that_keeps_is_blamed_on_the_line_of_ours_that_calls_it() -> None:
    found = only(evidence(containers=(container(((LIBRARY, 7), (OWN, 12))),)))
    assert (found.file, found.line) == (OWN, 12)
    assert found.library is not None
    assert (found.library.file, found.library.line) == (LIBRARY, 7)


def test_a_library_that_runs_in_a_task_is_named_with_the_line_that_made_the_task() -> None:
    made = Leftover(f"{LIBRARY}::", 1, ((OWN, 3),))
    found = only(evidence(containers=(container(((LIBRARY, 7),)),), left={"spawned": [made]}))
    assert (found.file, found.line) == (LIBRARY, 7)
    assert found.started_by is not None
    assert (found.started_by.line, found.started_by.function) == (3, "open_it")


def test_what_a_finalizer_brings_back_is_the_fault_of_who_made_it() -> None:
    found = only(evidence(containers=(container(((OWN, 22),), made_at=[(OWN, 4)]),)))
    assert (found.line, found.function) == (4, "open_it")


def test_a_list_of_python_itself_is_the_fault_of_the_line_that_made_its_elements() -> None:
    """A new thread adds itself to `threading._active`, on a stack of its own without a line of the program."""
    grown_at = ((threading.__file__, 1036), (threading.__file__, 1002))
    found = only(evidence(containers=(container(grown_at, made_at=[(threading.__file__, 879), (OWN, 12)]),)))
    assert (found.file, found.line) == (OWN, 12)
    found = only(evidence(containers=(container(grown_at, made_at=[(threading.__file__, 879)]),)))
    assert (found.file, found.line) == (threading.__file__, 1036)


def test_a_container_of_an_object_in_c_is_the_fault_of_the_line_that_made_its_elements() -> None:
    """The line that made uvloop's dictionary larger may be one that adds and removes a reader again and again."""
    path = "module program.main → [1]._loop → (Loop): dict"
    made_at = [(LIBRARY, 3), (OWN, 12)]
    assert only(evidence(containers=(container(((OTHER, 5),), made_at=made_at, path=path),))).line == 12
    bound = "module program.main → (method of list): list"
    assert only(evidence(containers=(container(((OTHER, 5),), made_at=made_at, path=bound),))).line == 5
    assert only(evidence(containers=(container(((OTHER, 5),), path=path),))).line == 5


def test_the_function_of_a_cache_is_named_and_not_who_called_it() -> None:
    cached = container(((OTHER, 5),), made_at=[(OWN, 14)], cache=(OWN, 10))
    assert only(evidence(containers=(cached,))).line == 14


def test_where_it_is_not_known_what_added_last_the_source_is_asked() -> None:
    assert only(evidence(containers=(container((), made_at=[(OTHER, 5)]),))).line == 7
    assert only(evidence(containers=(container((), made_at=[(OWN, 14)]),))).line == 12
    assert only(evidence(containers=(container((), made_at=[(OWN, 4)]),))).line == 4  # two lines, so none is named


def test_weak_references_keep_nothing() -> None:
    assert judged(evidence(containers=(container(((OWN, 12),), weak=True),))) == ([], [])


def test_two_containers_in_one_function_are_one_culprit() -> None:
    small = container(((OWN, 14),), id=2, bytes_each=8.0, path="module program.index: dict")
    found = only(evidence(containers=(container(((OWN, 12),)), small)))
    assert found.line == 12
    assert any("module program.index" in line for line in found.evidence)


def test_memory_that_nothing_keeps_is_blamed_on_the_line_that_made_it() -> None:
    found = only(evidence(rising={"python.blocks": 1.0}, sites=(site(0, ((OWN, 4),)),)))
    assert (found.kind, found.line, found.retained_by, found.confidence) == ("allocation", 4, "", "medium")
    assert found.explains == ["python.blocks"]


def test_a_descriptor_is_named_by_the_line_that_opened_it() -> None:
    left = {"descriptors": [Leftover("pipe", 200, ((OWN, 4),)), Leftover("file", 3, ((OTHER, 4),))]}
    found = only(evidence(rising={"descriptors:agent pipe": 2.0}, left=left))
    assert (found.kind, found.line, found.what, found.objects_per_cycle) == ("descriptor", 4, "pipe", 2.0)
    assert found.unit == "things"
    assert found.per_24h == 2.0 * 2 * 86_400


def test_what_keeps_the_number_of_a_descriptor_is_named_before_what_opened_it() -> None:
    left = {"descriptors": [Leftover("pseudo-terminal", 100, ((OWN, 11),))]}
    reported = evidence(rising={"descriptors:agent /dev/ptmx": 1.0}, containers=(container(((OWN, 13),)),), left=left)
    assert (only(reported).kind, only(reported).line) == ("descriptor", 13)


def test_a_line_that_made_too_few_of_them_is_not_named() -> None:
    left = {"descriptors": [Leftover("pipe", 20, ((OWN, 4),))]}
    found, open_ = judged(evidence(rising={"descriptors:agent pipe": 1.0}, left=left))
    assert (found, [one.name for one in open_]) == ([], ["descriptors:agent pipe"])
    assert open_[0].unit == "descriptors"


def test_a_zombie_is_named_by_the_line_that_started_the_child() -> None:
    left = {"children": [Leftover("sleep", 500, ((OTHER, 4),)), Leftover("zombie", 100, ((OWN, 4),))]}
    assert only(evidence(rising={"zombies": 1.0}, left=left)).line == 4


def test_rows_are_named_by_the_line_that_inserts_into_their_table() -> None:
    left = {"rows": [Leftover("other", 900, ((OTHER, 4),)), Leftover("planted", 100, ((OWN, 4),))]}
    assert only(evidence(rising={"rows:base.sqlite/planted": 1.0}, left=left)).line == 4


def test_whatever_is_frozen_is_the_fault_of_who_freezes() -> None:
    reported = evidence(
        rising={"frozen": 7.0, "heap.bytes": 900.0, "canaries:program.Thing": 1.0},
        sites=(site(0, ((OTHER, 5),)), site(1, ((LIBRARY, 5),))),
        left={"freezes": [Leftover("gc.freeze", 100, ((OWN, 15),))]},
    )
    assert (only(reported).kind, only(reported).line) == ("frozen", 15)


def test_memory_of_the_c_heap_is_named_by_the_line_that_calls_malloc() -> None:
    left = {"allocated": [Leftover("malloc", 100, ((OWN, 4),))]}
    found = only(evidence(rising={"heap.bytes": 32.0}, left=left))
    assert (found.kind, found.line, found.bytes_per_cycle) == ("native", 4, 32.0)


def test_a_reference_too_many_is_named_by_the_call_that_counted_it() -> None:
    left = {"foreign": [Leftover("Py_IncRef", 100, ((OWN, 5),))]}
    found = only(evidence(rising={"python.blocks": 1.0}, sites=(site(0, ((OWN, 4),)),), left=left))
    assert (found.kind, found.line) == ("native", 5)


def test_a_map_of_memory_is_named_by_the_call_that_made_it() -> None:
    left = {"foreign": [Leftover("mmap", 100, ((OWN, 5),))]}
    found = only(evidence(rising={"maps": 1.0}, left=left))
    assert (found.kind, found.line, found.explains) == ("native", 5, ["maps"])


def test_references_that_are_given_back_are_no_leak() -> None:
    left = {"foreign": [Leftover("Py_IncRef", 100, ((OWN, 5),)), Leftover("Py_DecRef", 100, ((OWN, 6),))]}
    assert only(evidence(sites=(site(0, ((OTHER, 4),)),), left=left)).kind == "allocation"


def test_what_memray_sees_is_named_by_the_line_of_ours() -> None:
    reported = evidence(rising={"heap.bytes": 64.0})
    seen = Evidence(
        **{
            **_fields(reported),
            "native": [NativeAllocation(((LIBRARY, 7), (OWN, 4)), 1.0, 64.0, ["copy_it", "malloc"])],
        }
    )
    found = only(seen)
    assert (found.kind, found.line, found.what) == ("native", 4, "copy_it")


def _fields(reported: Evidence) -> dict[str, object]:
    return {name: getattr(reported, name) for name in reported.__struct_fields__}


def test_growth_without_a_line_is_said_and_not_guessed() -> None:
    found, open_ = judged(evidence(rising={"heap.bytes": 64.0, "types:builtins.tuple": 1.0}))
    assert (found, [one.name for one in open_]) == ([], ["heap.bytes"])


LINES = st.tuples(st.sampled_from([OWN, OTHER, LIBRARY]), st.integers(1, 29))
STACKS = st.lists(LINES, min_size=1, max_size=4).map(tuple)
SITES = st.lists(STACKS, max_size=6).map(lambda stacks: tuple(site(n, stack) for n, stack in enumerate(stacks)))
HELD = st.lists(st.tuples(STACKS, st.lists(st.integers(0, 5), max_size=3).map(tuple)), max_size=4)
RISING = st.dictionaries(
    st.sampled_from(["python.blocks", "heap.bytes", "frozen", "zombies", "tasks:wait", "descriptors:agent pipe"]),
    st.floats(0.1, 100),
)


@given(SITES, HELD, RISING)
def test_every_rising_gauge_has_a_culprit_or_is_said_to_have_none(
    sites: tuple[object, ...], held: list[tuple[tuple[tuple[str, int], ...], tuple[int, ...]]], rising: dict[str, float]
) -> None:
    containers = tuple(container(stack, explains=explains, id=n) for n, (stack, explains) in enumerate(held))
    found, open_ = judged(evidence(rising=rising, sites=sites, containers=containers))  # type: ignore[arg-type]
    explained = {name for one in found for name in one.explains}
    assert explained.isdisjoint(one.name for one in open_)
    assert explained | {one.name for one in open_} >= set(rising)
    assert len({(one.file, one.line) for one in found}) == len(found)
    assert bool(found) == bool(sites or containers)
