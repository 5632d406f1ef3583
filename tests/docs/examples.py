"""Runs the ```sh blocks of Markdown files and compares what they print with the ```text block that follows.

    examples.py ROOT PROGRAM FILE...

All blocks of a file share one shell, started in an empty folder from which the repository's `crates` and
`examples` can be seen. A block that begins with `consort sim` starts the simulator with these options, on a free port or in the place of one
that ran before. The port of the documentation, 8081, stands for the one taken, and 8080 for that of a hub.
"""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile

DOCUMENTED = "127.0.0.1:8081"
DOCUMENTED_HUB = "127.0.0.1:8080"
END = "--the-end-of-the-block--"


def blocks(text):
    """(line, info, body) of every fenced block."""
    fence = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, found.start()) + 1, found[1], found[2]) for found in fence.finditer(text)]


class Shell:
    def __init__(self, program, folder):
        self.program, self.simulator, self.address = program, None, DOCUMENTED
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.hub = f"127.0.0.1:{free.getsockname()[1]}"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("CONSORT_")}
        environment["PATH"] = os.pathsep.join([os.path.dirname(os.path.abspath(program)), environment["PATH"]])
        # A session of its own, so that whatever the blocks leave running can be ended.
        self.shell = subprocess.Popen(
            ["bash", "-u"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=environment, start_new_session=True,
        )

    def run(self, block):
        """What the block prints, and how it ended."""
        if block.startswith("consort sim"):
            self.start(block.rstrip().removesuffix("&"))
            return "", 0
        block = block.replace(DOCUMENTED, self.address).replace(DOCUMENTED_HUB, self.hub)
        self.shell.stdin.write(f"{block}\nprintf '\\n{END}%s\\n' $?\n")
        self.shell.stdin.flush()
        lines = []
        for line in self.shell.stdout:
            if line.startswith(END):
                printed = "".join(lines).replace(self.address, DOCUMENTED).replace(self.hub, DOCUMENTED_HUB)
                return printed, int(line.removeprefix(END))
            lines.append(line)
        return "".join(lines), "the shell ended"

    def start(self, command):
        self.stop()
        # One started later takes the place of the one before.
        arguments = [self.program, *shlex.split(command, comments=True)[1:], "--listen", self.address if self.simulator else "127.0.0.1:0"]
        folder = os.readlink(f"/proc/{self.shell.pid}/cwd")
        self.simulator = subprocess.Popen(arguments, cwd=folder, stdout=subprocess.PIPE, text=True, env={**os.environ, "CONSORT_LOG": "warn"})
        self.address = self.simulator.stdout.readline().rstrip().removeprefix("Simulated Alma at http://")

    def stop(self):
        if self.simulator:
            self.simulator.terminate()
            self.simulator.wait()

    def end(self):
        self.stop()
        os.killpg(self.shell.pid, signal.SIGKILL)
        self.shell.wait()


def check(root, program, path):
    """Problems of one file, and the number of blocks run."""
    with open(path, encoding="utf-8") as file:
        found = blocks(file.read())
    problems, ran = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for part in ("crates", "examples"):
            os.symlink(os.path.join(root, part), os.path.join(folder, part))
        shell = Shell(program, folder)
        try:
            for at, (line, info, body) in enumerate(found):
                if info != "sh":
                    continue
                ran += 1
                printed, status = shell.run(body)
                place = f"{os.path.relpath(path, root)}:{line}"
                if status != 0:
                    problems.append(f"{place}: ended with {status}\n{printed}")
                follows = found[at + 1] if at + 1 < len(found) and found[at + 1][1] == "text" else None
                if follows and printed.strip() != follows[2].strip():
                    problems.append(f"{place}: printed\n{printed.strip()}\n   and not\n{follows[2].strip()}")
        finally:
            shell.end()
    return problems, ran


def main():
    root, program, *paths = sys.argv[1:]
    failed = 0
    for path in paths:
        problems, ran = check(root, program, path)
        print(f"{os.path.relpath(path, root)}: {ran} examples, {len(problems)} differ")
        for problem in problems:
            print(f"\n{problem}")
        failed += len(problems) + (ran == 0)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
