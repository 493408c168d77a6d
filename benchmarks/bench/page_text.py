"""The sentences of the page."""

HEAD = """\
# MobiFai beside what you would pick instead

The same client does the same work at each peer, one after the other, in {rounds}, each time with a
fresh server. `nox -s bench` writes this page; with `-- --join --jsonl FILE` it does again, from what was measured
before. Only ratios within one run say anything: the machine
has other work on it. Measured on {date}: {facts}.
"""

QUICK_RUN = """\
**This was a run with `--quick`: it shows that the benchmark works, and says nothing about who is better.**
"""

RATIOS = """\
## {ours}: how many times as good

The median of the ratios within each round. Above 1 MobiFai is ahead; **below 1 it is behind**.
"""

BEHIND = """\
## Where MobiFai is behind

Every row in which MobiFai is worse than a peer, by either path, the largest gap first: its median, then for each
peer that is ahead the peer's median, how many times as good MobiFai is, and in how many rounds it was behind.
"""

NOT_BEHIND = """\
## Where MobiFai is behind

Nowhere in what was measured here.
"""

NOTES = """\
## What is measured, and how

- **The peers.** MobiFai is `mobifai serve` as it comes: keeper, agent, and its own relay; *relay alone* is a phone
  that answers no WebRTC offer. The two servers on node-pty (`benchmarks/bench/node`) and the one on terminado are as
  short as such a server can be: no sign-in, no encryption beyond WebRTC's, nothing kept for a client that comes
  back, no limit. node-pty comes ready-made from `@lydell/node-pty`, the same source. *aiortc alone*
  (`aiortc_server.py`) is the same on the library for WebRTC that MobiFai is on: what Python and that library cost.
- **MobiFai before**, where it has columns: an earlier revision in the same rounds, with the same client.
  `MOBIFAI_BEFORE` names a Python in which it is installed.
- **The client** is one Node program (`client.mjs`, libwebrtc, socket.io-client, ws) with an adapter for each peer;
  it does the timing. MobiFai's keeps offsets and acknowledges the output that it has rendered
  (docs/reference/protocol-additions.md).
  Everything is on this machine, in a network namespace of its own. Every terminal runs `/bin/sh -i`.
- **Memory** is PSS of the server's whole process tree, shells and all; *without its shell* leaves out what has a
  terminal. Pages that other programs on the machine share are counted in part. With {few}, {some} and {many}
  terminals; MobiFai's limit is 64 (`terminals`), the others have none. *One more terminal* is the slope from {few}
  to {many}.
- **Echo**: {keys} keys, one at a time, at a shell's prompt. *Not shown*: the phone has switched to the other tab,
  and MobiFai sends it no output of the flooding one then; the other peers know no such difference and send it all
  the same, on the same connection (terminado and ttyd: on another web socket). *Shown*: both are sent.
- **`cat`**: {megabytes} MB with characters of one to four bytes, between two marks, on a raw terminal; the client
  counts and hashes every byte, and a file with a wrong hash has no figure.
- **Ctrl-C**: {interrupts} times, when some megabytes of `yes` have come.
- **A stopped client** is one whose process gets SIGSTOP for {stopped} s in the middle of a flood. MobiFai stops
  reading the shell, and so does who bounds what waits; who does not keeps it all in memory. Peaks are sampled ten
  times a second; the program that floods is not counted.
- **Connect**: {connects} times, from nothing to the prompt of a new terminal, sign-in and pairing included where
  there are.
- **{reconnects} reconnects**: MobiFai's client finds its terminal again; with the others it goes with its
  connection, and a new one is opened. **{churn} terminals**: opened until the prompt, then closed. What is kept is
  counted over what was there after {warm_up} of them; asyncio tasks only of MobiFai, which tells them. In the first
  {churn_rounds} rounds only.
"""

HARNESS = """\
## What finding leaks costs, and how small a leak shows

`mobifai soak terminals`, in blocks that take turns: as it is, and in windows of memray. Cycles a second are those of
phones that do something; *counting after each block* adds the time in which the agent is brought to rest and counted,
when nobody uses it.
"""

HARNESS_FAILED = """\
**One round ended early: {reason}**
"""

LEAST = """\
The smallest steady leak that a run of so many blocks would have shown, as its report says, by the time that it took.
Below it, what other finders say of the smallest planted leaks, and of clean runs of the same kinds; all of these were
found by `mobifai soak` ([leak-finders.md](leak-finders.md) has all plants, and how each finder was used). tracemalloc
looks at lines after 160 events of warm-up and then after each 20 of 180; memray's records are those of pytest-memray's
runs, taken without the limit that such a test needs.
"""

READING_TEXT = """\
## Reading a terminal

`cat` of the same file, three times, on a raw terminal that nobody looks at: the product's own terminal, which keeps the
last 160 KiB and the modes that they begin in, beside a program in C (`benchmarks/bench/reader.c`) that reads and
forgets. The kernel gives some 4 KiB for each read, whoever asks. The share is the median of those within each round.
"""
