"""What stands for `python` in the jobs of a Snakemake that tests.forked runs: it has a stage forked where its imports are done already.

    python -IS forked_job.py SOCKET PYTHON -m lcom.stages.NAME ...

Anything but a stage goes to the Python itself. It imports little, so that it starts fast.
"""

import json
import os
import socket
import sys
from pathlib import Path


def main() -> None:
    address, python, *arguments = sys.argv[1:]
    if len(arguments) < 2 or arguments[0] != "-m" or not arguments[1].startswith("lcom.stages."):
        os.execv(python, [python, *arguments])
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(address)
        asked = [str(Path.cwd()), arguments[1:], dict(os.environ)]
        socket.send_fds(server, [json.dumps(asked).encode()], [0, 1, 2])
        sys.exit(int(server.recv(16) or 1))


main()
