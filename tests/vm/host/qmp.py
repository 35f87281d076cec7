"""Orders to a running QEMU."""
import json
import socket

from .cache import RigError


def execute(path, command, **arguments):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(120)        # a guest's memory takes a while
        sock.connect(str(path))
        with sock.makefile("rw", encoding="utf-8") as stream:
            stream.readline()       # the greeting
            for order in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                stream.write(json.dumps(order) + "\n")
                stream.flush()
                while "return" not in (answer := json.loads(stream.readline())):
                    if "error" in answer:
                        raise RigError(f"{command}: {answer['error']['desc']}")
