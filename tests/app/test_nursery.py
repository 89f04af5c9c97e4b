"""The process that visitors' kernels are forked from."""

import json
import subprocess
import sys

SCRIPT = """
import os, signal, socket
from anirec.app.nursery import Nursery

ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
nursery = Nursery(theirs, refresh=int, become=dict)
ended = os.fork()
if ended == 0:
    os._exit(3)
os.waitid(os.P_PID, ended, os.WEXITED | os.WNOWAIT)
nursery.kernels = {ended, ended + 1_000_000}  # the other one was told of by a signal in between
nursery._tell_ended(signal.SIGCHLD, None)
theirs.close()
while told := ours.recv(4096):
    print(told.decode().replace(str(ended), "0"))
"""


def test_the_end_of_several_kernels_at_once_is_borne() -> None:
    """A signal that comes while one is handled leaves nobody to wait for."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [{"pid": 0, "status": 3}]
