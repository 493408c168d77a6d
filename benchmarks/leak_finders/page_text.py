"""What the page says besides its figures. Templates for str.format; `page` fills them."""

HEAD = """\
# The same plants, other finders

The plants of soak's self-test, {leaks} leaks and {decoys} decoys, given to two ways in which leaks are usually looked
for: pytest-memray's `limit_leaks`, and a trend of RSS. Plants in libraries and in other processes than the agent are
left out: they need phones on a network, or a keeper.
"""

HOW = """\
## How each was used

All but `mobifai soak` host a real agent in the process that measures, with its own relay and real shells. They bring
each moment about with the agent's own calls, without phones and without a network. Each cell is a process of its own:
{events} events as a warm-up, which is not judged, then {events} events that are. `mobifai soak` drives the agent from
outside, as a separate process, with phones; its seconds are those of a whole run, with the confirmation.

- **pytest-memray.** A generated test, marked `limit_leaks`. The agent and the warm-up are in a fixture, so they are not
  traced. The test ends {rest:g} s after its last event (a decoy's timer takes 5 s), with a collection of garbage. The
  marker itself turns on native frames and the tracing of Python's allocators. Options: `{options}`;
  logging is off, since pytest's capture of it keeps every record until the test has ended. The limit holds for each
  call stack; it is the least at which none of {calibrations} clean runs of the same kind of event fails:
  {limits}.
  Those runs are not in the tables; the clean runs there are others. Much of the noise that sets these limits is
  CPython's method cache: with `sys._clear_type_cache()` as its last line, the test with phones kept 1,154 bytes at its
  worst place (tried once). Nobody would know that beforehand, so it is left out here; the filter below does as much.
- **pytest-memray, filtered.** The same records, judged as with a `filter_fn` that lets every line pass at which one of
  {filter_runs} of these clean runs kept something. The limit is the least at which the other {limit_runs} do not fail:
  {filter_limits}.
  This is calculated by the plugin's rule and was not run again. Who uses it keeps such a list of lines up to date.
  The lines of the hooks that tell a plant of its moments pass too. Clean runs have no hooks, and what those lines keep
  is over such a low limit: judged without this exception, which was made after a first look at the results, every plant
  and every decoy had an alarm, for no other reason than that. Nor has the filter seen the decoys' own lines.
- **RSS.** Read at rest, {short:g} s after each {every} events, after a collection of garbage; allocators as they come.
  The same course is judged by five rules: a straight line through the ends of 8 or of 20 blocks rises (t-test of its
  slope, p < 0.05, two-sided); Mann and Kendall's test on the same values; the last value is more than 1 MiB above the
  first.
- **`mobifai soak`.** The verdict of its self-test. It has no clean runs there, so they are not counted here.
"""

LIMITS = """\
Of the {alarmed} leaks that pytest-memray found without a filter, a call stack that it reported goes through the plant
in {named}.

## What this comparison does not say

- {events} events are few, and more were not tried. What a leak keeps grows with them, so that longer runs may show more
  to all. pytest-memray took {memray_seconds:.0f} s a cell and RSS {rss_seconds:.0f} s: in the time of
  `mobifai soak` they could have had more events.
- The hosted agent is calmer than one with phones: no WebRTC, no codecs, no network. With
  phones there may be noise that neither these limits nor these courses of RSS have seen; that was not measured.
- One agent, one machine, one run for each plant. What is near its limit may be on the other side of it next time.
- pytest-memray answers another question: what did this test allocate, and where, that was not freed when it ended. It
  needs no harness, and says the line at once.
- By design it sees memory of this process alone: no descriptor, thread, child, file or row. Where it finds such a
  plant, it is by the Python object that goes with it. And a bounded container that was full before the test and has new
  contents after it looks to it as a leak does: of the decoys, those with a cap can show that.
- By design RSS does not see what fits into pages that the process has already.
"""

PLANT_BY_PLANT = """\
## Plant by plant

*Elsewhere*: no call stack that was over the limit goes through the plant. It is memory of the agent that the plant
holds, or noise that happened to be over the limit; it counts as found.

"""
