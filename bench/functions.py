"""Times functions of arrays beside PyTorch, NumPy and JAX, in turns, and prints the table of docs/performance-notes.md.

usage: functions.py [--bench build/bin/bench_compare] [--threads 1|2] [KIND ...]
Needs torch, numpy and jax; without --threads, one table of both. Each time is the least of some turns of 0.1 s.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

ROUNDS = 3
TURN_SECONDS = 0.1
PEERS = ("PyTorch", "NumPy", "JAX")
OF_ONE_ARRAY = ("exp", "log", "sin", "tanh", "erf", "gelu", "sigmoid", "chain", "sum", "max", "softmax", "cumsum", "sort")


def cases(kinds):
    every = [f"{kind}:{n}:1" for kind in OF_ONE_ARRAY for n in (1000, 100000, 10000000)]
    every += ["top_k:1000000-1000:1", "top_k:50000-10:8"]
    every += [f"{kind}:100000-64:{rows}" for kind in ("gather", "scatter_add") for rows in (16, 1563, 156250)]
    return [case for case in every if not kinds or case.split(":")[0] in kinds]


def sluice_seconds(bench, case, threads):
    command = [bench, "--only", "sluice", "--rounds", "1", "--turn-seconds", str(TURN_SECONDS), "--threads", str(threads), case]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return result["contestants"]["sluice"]["min"], result["peak"]


def seconds(work):
    """Of one call, at least: each measurement takes some calls, so that reading the clock costs nothing."""
    start = time.perf_counter()
    work()
    least = time.perf_counter() - start
    if least > TURN_SECONDS:
        return least
    repeats = max(1, int(1e-3 / max(1e-7, least)))
    end = time.perf_counter() + TURN_SECONDS
    while True:
        start = time.perf_counter()
        for _ in range(repeats):
            work()
        now = time.perf_counter()
        least = min(least, (now - start) / repeats)
        if now > end:
            return least


def measure(bench, threads, kinds):
    os.environ.update(OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads), JAX_PLATFORMS="cpu")
    # JAX creates as many threads as it has cores.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    sys.path.insert(0, str(pathlib.Path(__file__).parent / "peers"))
    import array_tasks
    import torch
    import torch_tasks

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    tasks = dict(zip(PEERS, (torch_tasks.TASKS, array_tasks.numpy_tasks(), array_tasks.jax_tasks())))
    for case in cases(kinds):
        kind, sizes, batch = case.split(":")
        sizes = [int(size) for size in sizes.split("-")]
        works = {peer: tasks[peer][kind](sizes, int(batch)) for peer in PEERS if kind in tasks[peer]}
        for work in works.values():
            work()
        best = {}
        for _ in range(ROUNDS):
            own, peak = sluice_seconds(bench, case, threads)
            for name, time_of in [("Sluice", own), *((peer, seconds(work)) for peer, work in works.items())]:
                best[name] = min(best.get(name, float("inf")), time_of)
        print(json.dumps({"case": case, "threads": threads, "peak": peak, "seconds": best}), flush=True)


def table(results):
    by_case = {}
    for entry in results:
        by_case.setdefault(entry["case"], {})[entry["threads"]] = entry["seconds"]
    counts = sorted({entry["threads"] for entry in results})
    heads = [f"{name}, {threads}" for threads in counts for name in ("Sluice", *PEERS, "ratio")]
    lines = ["| microseconds, threads | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * len(heads)]
    for case, runs in by_case.items():
        cells = []
        for threads in counts:
            run = runs[threads]
            cells += [f"{run[name] * 1e6:.3g}" if name in run else "-" for name in ("Sluice", *PEERS)]
            cells.append(f"{run['Sluice'] / min(run[peer] for peer in PEERS if peer in run):.2f}")
        lines.append(f"| `{case}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", default=str(pathlib.Path(__file__).parent.parent / "build/bin/bench_compare"))
    parser.add_argument("--threads", type=int)
    parser.add_argument("kinds", nargs="*", metavar="KIND")
    options = parser.parse_args()
    if options.threads:
        return measure(options.bench, options.threads, options.kinds)
    results = []
    for threads in (1, 2):
        command = [sys.executable, __file__, "--bench", options.bench, "--threads", str(threads), *options.kinds]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                print(line, end="", file=sys.stderr, flush=True)
                results.append(json.loads(line))
        if process.returncode != 0:
            sys.exit(process.returncode)
    for threads in (1, 2):
        print(f"peak, {threads}: {max(entry['peak'] for entry in results if entry['threads'] == threads):.0f} GFLOP/s")
    print(table(results))


main()
