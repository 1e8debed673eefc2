"""Runs a command and measures it from outside, the same way for everyone."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time

POLL_SECONDS = 0.02


def output_of(command, **environment):
    """What a command prints; its progress is shown only where it fails."""
    run = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    if run.returncode != 0:
        fail(command, run.stderr)
    return run.stdout.strip()


def measured(command):
    """The JSON that a command prints last, its time and its peak memory.

    The peak is read again and again while the process lives: Lorikeet sets
    the kernel's mark back when its training begins.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=errors)
        peak = 0
        while process.poll() is None:
            peak = max(peak, peak_mib(process.pid))
            time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - start
        if process.returncode != 0:
            fail(command, text_of(errors))
        result = json.loads(text_of(out).strip().splitlines()[-1])
    peak = max(peak, result["peak_rss_mib"])
    return result | {"process_seconds": seconds, "process_peak_mib": peak}


def peak_mib(process):
    """The peak resident memory of a process, 0 where Linux does not tell it."""
    try:
        with open(f"/proc/{process}/status", encoding="utf-8") as lines:
            peaks = [line for line in lines if line.startswith("VmHWM:")]
        return int(peaks[0].split()[1]) // 1024
    except (OSError, IndexError):
        return 0


def text_of(file):
    file.seek(0)
    return file.read().decode()


def fail(command, errors):
    sys.exit(f"{shlex.join(map(str, command))}\n{errors}")
