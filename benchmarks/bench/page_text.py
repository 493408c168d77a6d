"""The texts of the benchmark's page, as templates for str.format."""

HEAD = """\
# Benchmarks

One client does the same work with MobiFai and with each alternative, one after the other, in {rounds}, each
time with a fresh server. `nox -s bench` writes this page; `nox -s bench -- --join --jsonl FILE` renders it again from
stored results. The machine had other work, so only ratios within one run are meaningful. Measured on {date}: {facts}.
"""

QUICK_RUN = """\
**This was a run with `--quick`: it shows that the benchmark works, and does not compare the servers.**
"""

RATIOS = """\
## {ours}: ratios

The median of the ratios within each round. Above 1 MobiFai is better, **below 1 worse**.
"""

BEHIND = """\
## Where MobiFai is behind

Each row in which MobiFai is worse than an alternative, on either transport, the largest gap first: its median, then for
each better alternative that one's median, the ratio, and the number of rounds in which MobiFai was behind.
"""

NOT_BEHIND = """\
## Where MobiFai is behind

In no measured figure.
"""

NOTES = """\
## Method

- **The alternatives.** MobiFai is `mobifai serve` with its defaults: keeper, agent and its own relay; *relay alone* is
  a phone that answers no WebRTC offer. The two servers on node-pty (`benchmarks/bench/node`) and the one on terminado
  are as short as possible: no sign-in, no encryption beyond WebRTC's, no state for a client that reconnects, no
  limits. node-pty is the prebuilt `@lydell/node-pty`. *aiortc alone* (`aiortc_server.py`) is such a server on the
  WebRTC library that MobiFai uses, and shows the cost of Python and that library.
- **MobiFai before**, if it has columns, is an earlier revision in the same rounds. `MOBIFAI_BEFORE` names a Python in
  which it is installed.
- **The client** is one Node program (`client.mjs`, libwebrtc, socket.io-client, ws) with an adapter for each server.
  It measures the times. MobiFai's adapter keeps offsets and acknowledges the output that it has rendered
  (docs/reference/protocol-additions.md). Everything runs on one machine, in a network namespace. Every terminal runs
  `/bin/sh -i`.
- **Memory** is the PSS of the server's process tree with its shells; *without its shell* excludes processes that have
  a terminal. Pages that other programs share are counted in part. It is measured with {few}, {some} and {many}
  terminals; MobiFai's limit is 64 (`terminals`), the others have none. *One more terminal* is the slope from {few} to
  {many}.
- **Echo**: {keys} keys, one at a time, at a shell's prompt. *Not shown*: the phone shows the other tab, and MobiFai
  sends no output of the flooding one; the alternatives do not distinguish and send it on the same connection
  (terminado on another WebSocket). *Shown*: both are sent.
- **`cat`**: {megabytes} MB with characters of one to four bytes, between two marks, on a raw terminal. The client
  counts and hashes every byte; a file with a wrong hash has no figure.
- **Ctrl-C**: {interrupts} times, after some megabytes of `yes`.
- **A stopped client** gets SIGSTOP for {stopped} s in the middle of a flood. A server with a bounded queue stops
  reading the shell; one without keeps everything in memory. Peaks are sampled ten times a second; the flooding program
  is not counted.
- **Connect**: {connects} times, from nothing to the prompt of a new terminal, with sign-in and pairing where they
  exist.
- **{reconnects} reconnects**: MobiFai's client finds its terminal again; with the others the terminal ends with its
  connection, and a new one is opened. **{churn} terminals**: opened until the prompt, then closed. The figures are
  increases over the state after {warm_up} of them. Only MobiFai reports its asyncio tasks. In the first {churn_rounds}
  rounds only.
"""

HARNESS = """\
## The cost of finding leaks, and the smallest leak that is found

`mobifai soak terminals`, in alternating blocks: plain, and in windows of memray. Cycles a second are those of active
phones; *counting after each block* adds the time in which the unused agent is brought to rest and counted.
"""

HARNESS_FAILED = """\
**One round ended early: {reason}**
"""

LEAST = """\
The smallest steady leak that a run with so many blocks would have found, according to its report, and the duration of
the run. Below it, the results of other finders with the smallest planted leaks and with clean runs; `mobifai soak`
found all of these leaks ([other leak finders](leak-finders.md) has all plants and the use of each finder). tracemalloc
compares lines after 160 events of warm-up and then after each 20 of 180; memray's records are those of pytest-memray's
runs, without the limit that such a test needs.
"""

READING_TEXT = """\
## Reading a terminal

`cat` of the same file, three times, on a raw terminal without a viewer: MobiFai's terminal, which keeps its ring and
the modes in force at the ring's begin, and a program in C (`benchmarks/bench/reader.c`) that reads and discards. The
kernel returns about 4 KiB for each read. The share is the median of those within each round.
"""
