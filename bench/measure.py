"""Runs the programs of the benchmark and gives back what they measured; times are in seconds."""

import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "build" / "bin"
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's PyTorch
TORCH_PEER = str(ROOT / "bench" / "peers" / "torch_peer.py")

GUIDE_SIZES = "784-700-500-10"
GUIDE_PARAMETERS = 784 * 700 + 700 + 700 * 500 + 500 + 500 * 10 + 10
GUIDE_DATA_BYTES = (60000 + 10000) * (28 * 28 + 1)


def environment(**more):
    """The environment without what makes a peer slower than it is by default."""
    result = {name: value for name, value in os.environ.items() if not name.startswith(("OPENBLAS_", "OMP_", "SLUICE_F"))}
    # OpenBLAS's threads would spin for tens of milliseconds into the next contestant's turn; this limits it to 2^20 cycles.
    return result | {"OPENBLAS_THREAD_TIMEOUT": "20"} | more


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def has_torch():
    found = subprocess.run([PYTHON, "-c", "import torch"], capture_output=True)
    return found.returncode == 0


def processes(torch):
    """The peers that are processes of their own: PyTorch, and where it was built, the same library from C++."""
    peers = {"torch": f"{PYTHON} {shlex.quote(TORCH_PEER)}"} if torch else {}
    libtorch = PROGRAMS / "bench_libtorch"
    return peers | ({"libtorch": shlex.quote(str(libtorch))} if libtorch.exists() else {})


def compare(cases, threads, rounds, turn_seconds, only=None, peers=None):
    """A contest for each of the cases, which are words of bench_compare; it ends at one that fails, say for lack of memory."""
    command = [PROGRAMS / "bench_compare", f"--threads={threads}", f"--rounds={rounds}", f"--turn-seconds={turn_seconds}"]
    if only:
        command.append(f"--only={','.join(only)}")
    command += [f"--process={name}={words}" for name, words in (peers or {}).items()]
    results = []
    with subprocess.Popen([*command, *cases], env=environment(), stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            results.append(json.loads(line))
            say(f"{threads} threads, {results[-1]['case']}")
    if process.returncode != 0:
        say(f"bench_compare ended with status {process.returncode}: {', '.join(cases[len(results):])} not measured")
    return results


def kernels(threads, processes, repetitions):
    """Minimum and median of each benchmark of bench_kernels, over repetitions in random order in several processes,
    since where the system puts an array in memory stays with a process. Each repetition is short, a call or two of a
    product: the peak is also the best of many short times, and others may use the machine."""
    command = [
        PROGRAMS / "bench_kernels",
        f"--threads={threads}",
        "--benchmark_enable_random_interleaving=true",
        f"--benchmark_repetitions={repetitions}",
        "--benchmark_min_time=0.0015",
        "--benchmark_format=json",
    ]
    times = {}
    contexts = []
    for process in range(processes):
        say(f"{threads} threads, single kernels, process {process + 1} of {processes}")
        done = subprocess.run(command, env=environment(), check=True, capture_output=True, text=True)
        report = json.loads(done.stdout)
        contexts.append(report["context"])
        for entry in report["benchmarks"]:
            if entry["run_type"] == "iteration":
                times.setdefault(entry["run_name"].removesuffix("/real_time"), []).append(entry["real_time"] * 1e-6)
    return {
        "threads": threads,
        "processes": processes,
        "repetitions": repetitions,
        "peak": max(float(context["peak_gflops"]) for context in contexts),
        "vectors": contexts[0]["vectors"],
        "round_trip": min(float(context["round_trip_ns"]) for context in contexts) * 1e-9,
        "kernels": {name: summary(values) for name, values in times.items()},
    }


def summary(values):
    return {"min": min(values), "median": statistics.median(values)}


def since_start(command, env):
    """Runs a program that says when its first training step was done: seconds since the start of its process."""
    start = time.monotonic()
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    report = json.loads(done.stdout)
    return report["done"] - start, report.get("compile")


def first_steps(runs, torch):
    """From the start of a process to its first finished training step, without loading data, in turns."""
    say("from process start to the first training step")
    ours = [str(PROGRAMS / "bench_first_step")]
    times = {"cold": [], "warm": [], "compile": []}
    if torch:
        times["torch"] = []
    with tempfile.TemporaryDirectory() as warm:
        since_start(ours, environment(SLUICE_CACHE_DIR=warm))
        for _ in range(runs):
            with tempfile.TemporaryDirectory() as empty:
                seconds, compiling = since_start(ours, environment(SLUICE_CACHE_DIR=empty))
            times["cold"].append(seconds)
            times["compile"].append(compiling)
            times["warm"].append(since_start(ours, environment(SLUICE_CACHE_DIR=warm))[0])
            if torch:
                times["torch"].append(since_start([PYTHON, TORCH_PEER, "first", GUIDE_SIZES, "128"], environment())[0])
    return {name: summary(values) for name, values in times.items()}


def anonymous_bytes(process):
    """RssAnon: resident memory that no file stands behind. 0 where the process has ended."""
    try:
        for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def whole_program(threads, epochs, runs):
    """Trains the guide's model by examples/mnist_mlp, with validation: seconds of the process, and the anonymous memory at
    its peak, looked at every few milliseconds, less the bytes of the data set."""
    say(f"{epochs} epochs of training")
    command = [PROGRAMS / "mnist_mlp", f"--threads={threads}"]
    seconds, peaks = [], []
    with tempfile.TemporaryDirectory() as warm:
        env = environment(SLUICE_CACHE_DIR=warm)
        subprocess.run([*command, "--epochs=0"], env=env, check=True, capture_output=True)
        for _ in range(runs):
            start = time.monotonic()
            done = subprocess.run([*command, f"--epochs={epochs}"], env=env, check=True, capture_output=True, text=True)
            seconds.append(time.monotonic() - start)
            with subprocess.Popen([*command, "--epochs=1"], env=env, stdout=subprocess.DEVNULL) as process:
                peak = 0
                while process.poll() is None:
                    peak = max(peak, anonymous_bytes(process))
                    time.sleep(0.002)
                peaks.append(peak - GUIDE_DATA_BYTES)
    return {
        "threads": threads,
        "epochs": epochs,
        "synthetic": "synthetic digits" in done.stdout + done.stderr,
        "last": done.stdout.strip().splitlines()[-1],
        "seconds": summary(seconds),
        "anonymous_bytes": summary(peaks),
    }
