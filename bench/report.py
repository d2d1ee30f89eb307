"""Writes docs/performance.md and the figures in README.md from the results of the benchmark."""

import datetime
import fnmatch
import json
import sys
import textwrap

from measure import GUIDE_SIZES, ROOT

PAGE = ROOT / "docs" / "performance.md"
README = ROOT / "README.md"
NOTES = ROOT / "bench" / "notes.json"
BEGIN, END = "<!-- figures of scripts/bench -->\n", "<!-- end of figures -->\n"
NAMES = {
    "sluice": "Sluice",
    "sluice_all": "Sluice, zeros kept",
    "onednn": "oneDNN",
    "onednn_packed": "oneDNN, packed",
    "eigen": "Eigen",
    "openblas": "OpenBLAS",
    "torch": "PyTorch",
    "libtorch": "PyTorch from C++",
}
KINDS = {"forward": "forward", "weight_gradient": "weight gradient", "input_gradient": "input gradient"}
OURS = ("sluice", "sluice_all")
KERNELS = ["forward/784-700", "forward/700-500", "input_gradient/700-500", "weight_gradient/784-700", "weight_gradient/700-500"]
BEHIND = 1 / 0.9  # times the time of the best peer; anything slower needs a reason


def text_of(lines):
    """Joins lines of Markdown, wrapping paragraphs at the line length of the pages in docs/."""
    return "\n".join(line if line.startswith(("|", "#", "-")) else textwrap.fill(line, 140, break_on_hyphens=False)
                     for line in lines)


def table(header, rows, left=1):
    """Returns the lines of a Markdown table whose first `left` columns are text."""
    lines = [header, ["---"] * left + ["---:"] * (len(header) - left), *rows]
    return ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines] + [""]


def duration(seconds):
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns")):
        if seconds * factor >= 1 or unit == "ns":
            value = seconds * factor
            return f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"


def share(contest, seconds):
    return f"{contest['operations'] / seconds * 1e-9 / contest['peak']:.0%}"


def split_case(contest):
    kind, sizes, batch = contest["case"].split(":")
    return kind, sizes, int(batch)


def best_peer(contest, figure):
    """Returns the name and time of the fastest contestant other than Sluice, or None."""
    peers = {name: entry[figure] for name, entry in contest["contestants"].items() if name not in OURS}
    return min(peers.items(), key=lambda peer: peer[1]) if peers else None


def ratio(contest, figure):
    peer = best_peer(contest, figure)
    return contest["contestants"]["sluice"][figure] / peer[1] if peer else None


def ratio_text(contest, figure):
    value = ratio(contest, figure)
    return "" if value is None else f"{value:.2f}"


def find(results, case, threads):
    for contest in results["compare"]:
        if contest["case"] == case and contest["threads"] == threads:
            return contest
    sys.exit(f"bench: the results have no {case} with {threads} threads")


def contest_table(contest):
    """Returns the table of all contestants of one case."""
    entries = contest["contestants"]
    rows = []
    for name, entry in entries.items():
        ratios = [f"{entries[ours][f] / entry[f]:.2f}" if name not in OURS else "" for ours in OURS for f in ("min", "median")]
        rows.append([NAMES[name], duration(entry["min"]), duration(entry["median"]), share(contest, entry["min"]), *ratios])
    return table(["", "minimum", "median", "of peak", "Sluice's time / its (min)", "(median)", "zeros kept (min)", "(median)"], rows)


def overview_table(contests, first_columns, header):
    """Returns a table with a row per case: Sluice's time, and its ratio to the best peer."""
    rows = []
    for contest in contests:
        ours = contest["contestants"]["sluice"]
        peer = best_peer(contest, "min")
        rows.append([*first_columns(contest), contest["threads"], duration(ours["min"]), duration(ours["median"]),
                     share(contest, ours["min"]), NAMES[peer[0]] if peer else "", duration(peer[1]) if peer else "",
                     ratio_text(contest, "min"), ratio_text(contest, "median")])
    columns = ["threads", "minimum", "median", "of peak", "best peer", "its minimum", "ratio (min)", "(median)"]
    return table([*header, *columns], rows, len(header))


def width_and_depth(sizes):
    hidden = sizes.split("-")[1:-1]
    return [int(hidden[0]), len(hidden)] if hidden and len(set(hidden)) == 1 else None


def step_section(results):
    lines = ["## The training step", "",
             f"One step of the guide's perceptron {GUIDE_SIZES} with Adam, batch 128, fp32: gather, forward, loss and accuracy, "
             "backward, update. Sluice skips multiply-adds with zeros from the images and from relu, which changes no result; "
             "\"zeros kept\" is the same step without that (`--keep-zeros`). The share of peak counts all operations of the "
             "products, including the skipped ones.", ""]
    for threads in (1, 2):
        contest = find(results, f"train:{GUIDE_SIZES}:128", threads)
        lines += [f"{threads} thread{'s' if threads > 1 else ''}; peak {contest['peak']:.0f} GFLOP/s, the products "
                  f"are {contest['operations'] * 1e-6:.1f} MFLOP:", ""] + contest_table(contest)
    return lines


def guide_section(results):
    contests = [c for c in results["compare"] if split_case(c)[1] == GUIDE_SIZES and c["case"] != f"train:{GUIDE_SIZES}:128"]
    words = {"train": "training step", "infer": "inference"}
    return ["## Other batches, and inference", ""] + overview_table(
        contests, lambda c: [words[split_case(c)[0]], split_case(c)[2]], ["", "batch"])


def kernel_section(results):
    first = results["kernels"][0]
    lines = ["## Single kernels", "",
             "The five large products of the guide's step as separate kernels, without optimizer, batch 128, on random numbers that "
             "contain no zeros: with the code that looks for zeros, as by default, and without it (`--keep-zeros`). Then the "
             "weight gradients with all of Adam in their epilogue, compared with the time of the multiply-adds at peak plus one "
             f"pass that reads and writes w, m and v. Taken over {first['processes']} processes with {first['repetitions']} "
             "repetitions each in random order, one or two calls of a product at a time; the peak is also the best of many short "
             "measurements.", ""]
    rows, updates, moves = [], [], []
    for entry in results["kernels"]:
        times = entry["kernels"]
        for name in KERNELS:
            kind, _, layer = name.partition("/")
            inputs, outputs = map(int, layer.split("-"))
            least = 2 * 128 * inputs * outputs / entry["peak"] * 1e-9
            row = [KINDS[kind], layer, entry["threads"]]
            for time in (times[name], times[f"{kind}_zeros_kept/{layer}"]):
                row += [duration(time["min"]), duration(time["median"]), f"{least / time['min']:.1%}"]
            rows.append(row)
            if kind != "weight_gradient":
                continue
            time = times[f"weight_gradient_adam/{layer}"]
            bound = least + times[f"state_pass/{layer}"]["min"]
            updates.append([layer, entry["threads"], duration(time["min"]), duration(time["median"]), duration(bound),
                            f"{time['min'] / bound:.2f}"])
        several = entry["threads"] > 1
        moves.append([entry["threads"], duration(times["fork_join"]["min"]),
                      duration(times["barrier_x1000"]["min"] / 1000) if several else "",
                      duration(entry["round_trip"]) if several else "", duration(times["decode"]["min"])])
    lines += table(["product", "layer", "threads", "minimum", "median", "of peak", "zeros kept: minimum", "median", "of peak"],
                   rows, 2)
    lines += table(["weight gradient with Adam", "threads", "minimum", "median", "multiply-adds + pass", "ratio"], updates)
    lines += ["The runtime's own overhead, and decoding a batch of 128 images from bytes:", ""]
    return lines + table(["threads", "fork and join", "barrier", "cache line round trip", "decode"], moves)


def process_section(results):
    first, program = results["first_step"], results["program"]
    lines = ["## Whole processes", "",
             "From process start to the end of the first training step, on generated images: no data is loaded. One thread per core. "
             "Cold: without cached machine code.", ""]
    rows = [["Sluice, cold", duration(first["cold"]["min"]), duration(first["cold"]["median"])],
            ["Sluice, warm", duration(first["warm"]["min"]), duration(first["warm"]["median"])],
            ["cold, of which trace, passes, code", duration(first["compile"]["min"]), duration(first["compile"]["median"])]]
    if "torch" in first:
        rows.append(["PyTorch", duration(first["torch"]["min"]), duration(first["torch"]["median"])])
    lines += table(["", "minimum", "median"], rows)
    return lines + [
        f"`examples/mnist_mlp` with {program['threads']} threads, {program['epochs']} epochs with validation on MNIST, whole "
        f"process, warm cache: minimum {duration(program['seconds']['min'])}, median {duration(program['seconds']['median'])} "
        f"({program['last'][0].lower()}{program['last'][1:]}). Peak anonymous resident memory, excluding the data set: "
        f"{program['anonymous_bytes']['median'] * 1e-6:.0f} MB.", ""]


def products_section(results):
    contests = [c for c in results["compare"] if split_case(c)[0] in KINDS]
    return ["## Single products", "",
            "Each product is a separate call: Sluice's is a compiled function, including all argument checks. Batch 128. \"oneDNN, "
            "packed\" is a primitive whose weights were converted to its own layout beforehand.", ""] + overview_table(
                contests, lambda c: [KINDS[split_case(c)[0]], split_case(c)[1]], ["product", "layer"])


def sweep_section(results):
    contests = [c for c in results["compare"] if split_case(c)[0] == "train" and width_and_depth(split_case(c)[1])]
    contests.sort(key=lambda c: (c["threads"], width_and_depth(split_case(c)[1])))
    return ["## Training steps of other shapes", "",
            "Perceptrons with 784 inputs, the given number of hidden layers of equal width, and 10 outputs; batch 128. The largest "
            "are omitted with one thread.", ""] + overview_table(
                contests, lambda c: width_and_depth(split_case(c)[1]), ["width", "layers"])


def behind_section(results):
    """Explains each size at which Sluice is more than a tenth slower than the best peer."""
    notes = json.loads(NOTES.read_text())
    rows = []
    for contest in results["compare"]:
        value = ratio(contest, "min")
        if value is None or value <= BEHIND:
            continue
        fits = (note["why"] for note in notes if fnmatch.fnmatchcase(contest["case"], note["case"]) and
                contest["threads"] in note.get("threads", [contest["threads"]]))
        rows.append([f"`{contest['case']}`", contest["threads"], f"{value:.2f}", next(fits, "Not known yet.")])
    lines = ["## Where a peer is ahead", "", "Sizes at less than 0.9 times the speed of the best peer, by minimums, and the reason "
             "(`bench/notes.json`).", ""]
    return lines + table(["case", "threads", "ratio", "reason"], rows) if rows else [
        *lines[:2], "No size is at less than 0.9 times the speed of the best peer."]


def head(results):
    machine = results["machine"]
    caches = ", ".join(f"{name} {size}" for name, size in machine["caches"].items())
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    kernels = results["kernels"][0]
    return ["# How fast Sluice is", "",
            f"`scripts/bench` wrote this page on {datetime.date.today()}. All contestants of a case took turns, A B C A B C, and peak "
            "multiply-add throughput was measured between turns. The peers are programs in `bench/peers`; PyTorch runs eagerly, in a "
            "separate process. A ratio is Sluice's time divided by that of the best peer: below 1, Sluice is ahead. The machine's "
            "speed varies from run to run, so only ratios within one run are meaningful. "
            "[performance-notes.md](performance-notes.md) records what was tried and how it turned out.", "",
            f"- {machine['cpu']} ({machine['family']}), {machine['cores']} cores, {kernels['vectors']} vectors; caches: {caches}",
            f"- {machine['system']}; {packages}", ""]


def performance_page(results):
    sections = [head, step_section, guide_section, kernel_section, process_section, products_section, sweep_section,
                behind_section]
    return text_of(line for section in sections for line in section(results)).rstrip() + "\n"


def readme_figures(results):
    rows = []
    for label, case in [("training step, batch 128", "train:{}:128"), ("inference of 1 image", "infer:{}:1"),
                        ("inference of 1024 images", "infer:{}:1024")]:
        for threads in (1, 2):
            contest = find(results, case.format(GUIDE_SIZES), threads)
            entries = contest["contestants"]
            times = [duration(entries[name]["median"]) if name in entries else "" for name in
                     ("sluice", "onednn", "eigen", "torch")]
            rows.append([label, threads, *times])
    contest = find(results, f"train:{GUIDE_SIZES}:128", 2)
    all_zeros = contest["contestants"]["sluice_all"]
    first, program = results["first_step"], results["program"]
    waiting = f"{duration(first['cold']['median'])} ({duration(first['warm']['median'])} with cached machine code)"
    torch = f"; PyTorch takes {duration(first['torch']['median'])}" if "torch" in first else ""
    return table([f"{GUIDE_SIZES}, fp32, median", "threads", "Sluice", "oneDNN", "Eigen", "PyTorch"], rows) + [
        f"The step skips multiply-adds with zeros, such as the background of images, which changes no result. With all of them it "
        f"takes {duration(all_zeros['median'])} with 2 threads and reaches {share(contest, all_zeros['min'])} of peak multiply-add "
        f"throughput. From process start to the end of the first training step takes {waiting}{torch}. Ten epochs of MNIST with "
        f"validation take {duration(program['seconds']['median'])} in all, and "
        f"{program['anonymous_bytes']['median'] * 1e-6:.0f} MB of memory in addition to the data.", "",
        f"Measured on {results['machine']['cores']} cores of an {results['machine']['cpu']}; "
        "[docs/performance.md](docs/performance.md) has the details: the machine, the peak, medians and minimums, ratios, and other "
        "sizes."]


def write_pages(results):
    PAGE.write_text(performance_page(results))
    text = README.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(before + BEGIN + text_of(readme_figures(results)) + "\n" + END + after)


def quick(results):
    lines = ["On synthetic digits, not MNIST: the share of zeros affects the times."] if results["synthetic"] else []
    for threads, entry in results["threads"].items():
        for name, times in (("Sluice", entry), ("zeros kept", entry["zeros_kept"])):
            line = (f"{threads} threads, {name}: {times['step_ms']['min']:.3f} ms a step (median {times['step_ms']['median']:.3f}), "
                    f"{times['peak_share']:.1%} of {entry['peak_gflops']:.0f} GFLOP/s")
            if "onednn_ratio" in times:
                line += f"; of oneDNN's time: {times['onednn_ratio']['min']:.2f} (median {times['onednn_ratio']['median']:.2f})"
            lines.append(line)
    return "\n".join(lines)
