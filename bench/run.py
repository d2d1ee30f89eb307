"""The whole benchmark: see scripts/bench, which builds what this runs."""

import argparse
import json
import pathlib
import subprocess
import sys

import measure
import report
from measure import GUIDE_SIZES

WIDTHS = [17, 64, 100, 256, 700, 1000, 4096]
DEPTHS = [1, 2, 4, 8]
LIBRARIES = ["onednn", "eigen", "openblas"]
PRODUCTS = ["forward", "weight_gradient", "input_gradient"]
PACKAGES = ["libdnnl2", "libeigen3-dev", "libopenblas0", "python3-torch", "libllvm19", "g++"]


def training_sweep(threads):
    """Perceptrons of all widths and depths; with one thread, the largest ones are left out, which would take minutes."""
    cases = []
    for width in WIDTHS:
        for depth in DEPTHS:
            if threads == 1 and width > 1000 and depth > 2:
                continue
            cases.append(f"train:784-{f'{width}-' * depth}10:128")
    return cases


def product_sweep():
    layers = ["784-700", "700-500", "500-10"] + [f"{width}-{width}" for width in WIDTHS]
    return [f"{kind}:{layer}:128" for layer in layers for kind in PRODUCTS if (kind, layer) != ("input_gradient", "784-700")]


def everything():
    torch = measure.has_torch()
    peers = measure.processes(torch)
    results = {"machine": machine(), "compare": [], "kernels": []}
    for threads in (1, 2):
        results["kernels"].append(measure.kernels(threads, processes=5, repetitions=20))
        results["compare"] += measure.compare([f"train:{GUIDE_SIZES}:128"], threads, 12, 0.3, peers=peers)
        others = [f"train:{GUIDE_SIZES}:{batch}" for batch in (32, 512, 2048)]
        others += [f"infer:{GUIDE_SIZES}:{batch}" for batch in (1, 32, 1024)]
        results["compare"] += measure.compare(others, threads, 6, 0.15, peers=peers)
        results["compare"] += measure.compare(product_sweep(), threads, 5, 0.02)
        results["compare"] += measure.compare(training_sweep(threads), threads, 3, 0.05, only=["sluice", *LIBRARIES])
    results["first_step"] = measure.first_steps(9, torch)
    results["program"] = measure.whole_program(2, 10, 3)
    # Single contests are short, and other work may have run just while they measured the peak.
    for threads in (1, 2):
        entries = [entry for entry in results["compare"] + results["kernels"] if entry["threads"] == threads]
        peak = max(entry["peak"] for entry in entries)
        for entry in entries:
            entry["peak"] = peak
    return results


def quick():
    """The training step of the guide's model beside the program over oneDNN."""
    results = {}
    for threads in (1, 2):
        (contest,) = measure.compare([f"train:{GUIDE_SIZES}:128"], threads, 15, 0.2, only=["sluice", "sluice_all", "onednn"])
        ours = contest["contestants"]["sluice"]
        kept = contest["contestants"]["sluice_all"]
        entry = {
            "step_ms": {name: 1e3 * ours[name] for name in ("min", "median")},
            "peak_gflops": contest["peak"],
            "peak_share": contest["operations"] / ours["min"] * 1e-9 / contest["peak"],
            "zeros_kept": {
                "step_ms": {name: 1e3 * kept[name] for name in ("min", "median")},
                "peak_share": contest["operations"] / kept["min"] * 1e-9 / contest["peak"],
            },
        }
        if "onednn" in contest["contestants"]:
            theirs = contest["contestants"]["onednn"]
            for of, times in ((entry, ours), (entry["zeros_kept"], kept)):
                of["onednn_ratio"] = {name: times[name] / theirs[name] for name in ("min", "median")}
        results[str(threads)] = entry
    return {"case": f"train:{GUIDE_SIZES}:128", "synthetic": contest["synthetic"], "threads": results}


def machine():
    lscpu = json.loads(subprocess.run(["lscpu", "--json"], check=True, capture_output=True, text=True).stdout)
    fields = {}

    def collect(entries):
        for entry in entries:
            fields[entry["field"].rstrip(":")] = entry["data"]
            collect(entry.get("children", []))

    collect(lscpu["lscpu"])
    query = ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES]
    packages = subprocess.run(query, capture_output=True, text=True).stdout
    system = dict(
        line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line
    )
    return {
        "cpu": fields.get("Model name", "unknown"),
        "family": f"family {fields.get('CPU family')}, model {fields.get('Model')}",
        "cores": fields.get("CPU(s)", "?"),
        "caches": {name: fields[f"{name} cache"] for name in ("L1d", "L2", "L3") if f"{name} cache" in fields},
        "system": system.get("PRETTY_NAME", "").strip('"'),
        "packages": dict(line.rsplit(" ", 1) for line in packages.splitlines()),
    }


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--quick", action="store_true", help="only the training step against oneDNN, in under a minute")
    parser.add_argument("--json", action="store_true", help="print the results as JSON and write no page")
    parser.add_argument("--from", dest="results", metavar="FILE", help="write the pages from results of --json")
    options = parser.parse_args()
    if options.results:
        results = json.loads(pathlib.Path(options.results).read_text())
    elif options.quick:
        results = quick()
    else:
        results = everything()
        (measure.ROOT / "build" / "bench.json").write_text(json.dumps(results, indent=1))
    if options.json:
        print(json.dumps(results, indent=1))
    elif options.quick:
        print(report.quick(results))
    elif results["program"]["synthetic"]:
        sys.exit("bench: without MNIST, so docs/performance.md and README.md stay as they are; build/bench.json has the results")
    else:
        report.write_pages(results)


if __name__ == "__main__":
    main()
