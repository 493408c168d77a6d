"""An agent that passes its connection with the keeper to the fuzzer at SOCKET: `fake_agent.py SOCKET`."""

import os
import socket
import sys

from mobifai.terminals.keeper_protocol import FD_VARIABLE

with socket.socket(socket.AF_UNIX) as fuzzer:
    fuzzer.connect(sys.argv[1])
    descriptor = int(os.environ[FD_VARIABLE])
    socket.send_fds(fuzzer, [b"%d" % os.getpid()], [descriptor])
    os.close(descriptor)
    fuzzer.recv(1)
sys.exit(1)
