"""Runs the code blocks of a Markdown page from top to bottom, as they stand, in one shell.

    walkthrough.py PAGE [SECTION...]      with the titles of sections: only those, and the first

```bash      is run; no command in it may fail
```text      right after it: what it printed; `…` stands for anything, a line of only `…` for lines
```console   is typed at a terminal: `$ command`, then what a person sees and types (after `/ # `)

A section with the comment `<!-- skip: why -->` is not run but counted.
"""

import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import time

BLOCK_SECONDS = 300
PROMPT = "/ # "
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def blocks(page, wanted):
    """(line, language, text, skipped because) of every block."""
    for number, section in enumerate(re.split(r"^(?=## )", page, flags=re.M)):
        if wanted and number > 1 and not any(section.startswith(f"## {one}") for one in wanted):
            continue
        skip = re.search(r"<!-- skip: (.*?) -->", section)
        for found in FENCE.finditer(section):
            line = page[: page.index(section) + found.start()].count("\n") + 1
            yield line, found[1], found[2], skip and skip[1]


def pattern(expected):
    """A regular expression of what is expected."""
    lines = []
    for line in expected.rstrip("\n").split("\n"):
        if line.strip() == "…":
            lines.append(r"(?:.*\n)*?")
        else:
            lines.append(".*?".join(map(re.escape, line.rstrip().split("…"))) + "[ \t]*\n")
    return re.compile("".join(lines) + r"\Z")


class Shell:
    """One bash that keeps its variables and its directory from block to block."""

    def __init__(self, place):
        self.place = place
        self.bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=place, bufsize=1,
        )
        self.type(f"set -o pipefail; trap 'echo \"$BASH_COMMAND\" >>{place}/failed' ERR")

    def type(self, line):
        self.bash.stdin.write(line + "\n")

    def run(self, script):
        """What a block printed, and what went wrong."""
        path = f"{self.place}/block"
        with open(path, "w") as file:
            file.write(script)
        open(f"{self.place}/failed", "w").close()
        self.type(f"source {path} </dev/null >{path}.out 2>{path}.err; echo done")
        if not select.select([self.bash.stdout], [], [], BLOCK_SECONDS)[0]:
            self.bash.kill()
            raise SystemExit(f"no end after {BLOCK_SECONDS} s:\n{script}{self.read('block.err')}")
        self.bash.stdout.readline()
        failed = self.read("failed")
        problem = f"failed: {failed}{self.read('block.err')}" if failed else None
        return self.read("block.out"), problem

    def environment(self):
        """The variables as they are now, for what is run elsewhere."""
        path = f"{self.place}/environment"
        self.run(f"env -0 > {path}; pwd > {self.place}/pwd")
        pairs = (pair.split("=", 1) for pair in self.read("environment").split("\0") if pair)
        return dict(pairs), self.read("pwd").strip()

    def read(self, name):
        with open(f"{self.place}/{name}", errors="replace") as file:
            return file.read()


def at_terminal(shell, script):
    """Types a session; what is wrong with what was seen, or nothing."""
    environment, directory = shell.environment()
    first, *rest = script.rstrip("\n").split("\n")
    command = first.removeprefix("$ ")
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(directory)
        os.execvpe("bash", ["bash", "-c", command], environment)
    seen, deadline = "", time.monotonic() + BLOCK_SECONDS

    def wait_for(text):
        nonlocal seen
        while text is None or text not in seen:
            left = deadline - time.monotonic()
            ready = left > 0 and select.select([terminal], [], [], left)[0]
            try:
                data = os.read(terminal, 4096) if ready else b""
            except OSError:  # the other end is closed
                data = b""
            if not data:
                return text is None and bool(ready)
            seen += data.decode(errors="replace").replace("\r", "")
        seen = seen.split(text, 1)[1]
        return True

    try:
        for line in rest:
            typed = line.removeprefix(PROMPT) if line.startswith(PROMPT) else None
            if not wait_for(PROMPT if typed is not None else line):
                return f"waited for {line!r}, saw {seen!r}"
            if typed is not None:
                os.write(terminal, typed.encode() + b"\r")
                if not wait_for(typed):  # the terminal's echo is not the answer
                    return f"no echo of {typed!r}: {seen!r}"
        if not wait_for(None):
            return f"the session does not end: {seen!r}"
    finally:
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return f"exit code {code}: {seen!r}" if code else None


def main(path, *wanted):
    with open(path) as file:
        page = list(blocks(file.read(), wanted))
    ran = failed = skipped = 0
    with tempfile.TemporaryDirectory() as place:
        shell = Shell(place)
        for index, (line, language, text, skip) in enumerate(page):
            if language not in ("bash", "console"):
                continue
            if skip:
                skipped += 1
                continue
            begin = time.monotonic()
            printed = ""
            if language == "console":
                problem = at_terminal(shell, text)
            else:
                printed, problem = shell.run(text)
                after = page[index + 1] if index + 1 < len(page) else None
                if not problem and after and after[1] == "text":
                    if not pattern(after[2]).match(printed if printed.endswith("\n") else printed + "\n"):
                        problem = f"expected:\n{after[2]}"
            ran, failed = ran + 1, failed + bool(problem)
            told = "FAILED" if problem else "ok"
            print(f"{told:6} line {line:4} {time.monotonic() - begin:5.1f} s", flush=True)
            if problem:
                print(f"{text}{problem}\nit printed:\n{printed}\n", flush=True)
    print(f"{ran} blocks ran, {failed} failed, {skipped} skipped")
    sys.exit(bool(failed or not ran))


if __name__ == "__main__":
    main(*sys.argv[1:])
