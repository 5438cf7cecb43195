"""The processes that a benchmark starts: hosts of servers, and one-off measurements in a fresh interpreter."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.host import first_line

if TYPE_CHECKING:
    from typing_extensions import Self

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 60


class NotYet(Exception):
    """The server under test could not do what the benchmark asks of it."""


class Usage(NamedTuple):
    """What a process has used so far."""

    cpu_ns: int
    sleeps: int


class Host:
    """A server in a process of its own; see `host` for what is said over the pipes."""

    def __init__(self, name: str, **options: object) -> None:
        """Start it and wait until it serves.

        Args:
            name: a name of `contestants.BY_NAME`.
            options: the keywords of the contestant.

        Raises:
            NotYet: it can't be started.
        """
        self.name = name
        words = (sys.executable, "-m", "benchmarks.host", name, json.dumps(options))
        self._process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        try:
            self.port = int(self._hear()["port"])
        except BaseException:
            self.close()
            raise

    def do(self, action: str) -> Any:
        """Have an action carried out and return its result.

        Raises:
            NotYet: it failed, or the process has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": action}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise NotYet(f"the process of {self.name} has ended") from None
        return self._hear()["result"]

    def usage(self) -> Usage:
        """Return what the server's process has used so far."""
        return Usage(**self.do("usage"))

    def resident_bytes(self) -> int:
        """Return the resident set of the process, proc(5) `VmRSS`."""
        return _status(f"/proc/{self.pid}/status", "VmRSS") * 1024

    def sleeps(self) -> int:
        """Return the voluntary context switches of its threads (proc(5)), without waking it up to ask."""
        tasks = sorted(Path(f"/proc/{self.pid}/task").iterdir())
        return sum(_status(f"{task}/status", "voluntary_ctxt_switches") for task in tasks)

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        # One line for each question, so nothing is ever left in the buffer that select would not see.
        # poll(2), as thousands of idle connections may have taken all that select(2) can watch.
        patience = select.poll()
        patience.register(self._process.stdout, select.POLLIN)
        if not patience.poll(PATIENCE_SECONDS * 1000):
            raise NotYet(f"{self.name} did not answer within {PATIENCE_SECONDS} s")
        line = self._process.stdout.readline()
        if not line:
            raise NotYet(f"the process of {self.name} has ended")
        message: dict[str, Any] = json.loads(line)
        if "error" in message:
            raise NotYet(message["error"])
        return message

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _status(path: str, name: str) -> int:
    for line in Path(path).read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(f"no {name} in {path}")


def in_fresh_process(target: str, *, bytecode: str | None = None, **options: object) -> Any:
    """Return what `module:function` returns for these keywords in a new interpreter, by way of JSON.

    Args:
        target: what to call.
        bytecode: a folder for compiled modules, which are then kept whatever the environment says.
        options: its keywords.

    Raises:
        NotYet: it raised, which is how a server under test says that it can't do something.
    """
    words = (sys.executable, "-m", "benchmarks.processes", target, json.dumps(options))
    environment = dict(os.environ)
    if bytecode is not None:
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = bytecode
    done = subprocess.run(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False, timeout=600)
    lines = done.stdout.splitlines()
    if not lines:
        raise NotYet(f"{target} ended with status {done.returncode}")
    message: dict[str, Any] = json.loads(lines[-1])
    if "error" in message:
        raise NotYet(message["error"])
    return message["result"]


def _main(target: str, options: str) -> None:
    module, _, function = target.partition(":")
    try:
        print(json.dumps({"result": getattr(import_module(module), function)(**json.loads(options))}))
    except Exception as error:
        print(json.dumps({"error": first_line(error)}))


if __name__ == "__main__":
    _main(*sys.argv[1:])
