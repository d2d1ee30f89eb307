"""A perceptron, or products of matrices, of PyTorch, eager.

usage: torch_peer.py train|infer SIZES BATCH THREADS DATA
A contestant of bench_compare, as process_peer.h says.

usage: torch_peer.py batched_forward|batched_gradients|batched_all M-K-N BATCH THREADS
Products of a batch of matrices, the gradients of both operands, or both together by autograd.

usage: torch_peer.py KIND SIZES BATCH THREADS
A kind of torch_tasks.py.

usage: torch_peer.py first SIZES BATCH
Trains once on made-up images and says when it had done so, as bench_first_step does.
"""

import gzip
import json
import os
import pathlib
import sys
import time

UNTIMED_SECONDS = 0.03  # as for the contestants in bench/contest.cpp


def read_idx(folder, name, offset):
    import numpy

    plain = pathlib.Path(folder) / name
    data = plain.read_bytes() if plain.exists() else gzip.open(f"{plain}.gz").read()
    return numpy.frombuffer(data, numpy.uint8, offset=offset)


def make_model(sizes):
    from torch import nn

    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        nn.init.xavier_uniform_(layers[-2].weight)
        nn.init.zeros_(layers[-2].bias)
    return nn.Sequential(*layers[:-1])


def make_optimizer(model):
    import torch

    return torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)


def train(model, optimizer, images, labels):
    from torch.nn import functional

    loss = functional.cross_entropy(model(images), labels)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def make_work(kind, sizes, batch, data):
    import torch

    images = torch.from_numpy(read_idx(data, "train-images-idx3-ubyte", 16).copy()).reshape(-1, sizes[0])[10000:]
    labels = torch.from_numpy(read_idx(data, "train-labels-idx1-ubyte", 8).copy())[10000:].long()
    images = images.float() / 255
    model = make_model(sizes)
    if kind == "infer":
        rows = images[:batch]

        def infer():
            with torch.inference_mode():
                model(rows)
            return 0.0

        return infer

    optimizer = make_optimizer(model)
    order = torch.randperm(len(images))
    position = 0

    def step():
        nonlocal position
        if position + batch > len(order):
            position = 0
        rows = order[position : position + batch]
        position += batch
        return train(model, optimizer, images[rows], labels[rows])

    return step


def make_products(kind, sizes, batch):
    import torch

    m, k, n = sizes
    a, b, up = torch.randn(batch, m, k), torch.randn(batch, k, n), torch.randn(batch, m, n)
    if kind == "batched_all":
        a.requires_grad_()
        b.requires_grad_()

    def work():
        if kind == "batched_all":
            torch.autograd.grad(torch.matmul(a, b), (a, b), up)
            return 0.0
        with torch.inference_mode():
            if kind == "batched_forward":
                torch.matmul(a, b)
            else:
                torch.matmul(up, b.mT)
                torch.matmul(a.mT, up)
        return 0.0

    return work


def first_step(sizes, batch):
    import torch

    model = make_model(sizes)
    loss = train(model, make_optimizer(model), torch.rand(batch, sizes[0]), torch.randint(10, (batch,)))
    print(json.dumps({"done": time.monotonic(), "loss": loss}))


def contend(kind, sizes, batch, threads, data):
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(threads)
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    torch.set_flush_denormal(True)
    if kind.startswith("batched"):
        work = make_products(kind, sizes, batch)
    elif kind in ("train", "infer"):
        work = make_work(kind, sizes, batch, data)
    else:
        import torch_tasks

        work = torch_tasks.TASKS[kind](sizes, batch)
    print("ready", flush=True)
    for line in sys.stdin:
        calls, repeats = map(int, line.split())
        begin = time.perf_counter()
        while True:
            work()
            if time.perf_counter() - begin > UNTIMED_SECONDS:
                break
        seconds, value = [], 0.0
        for _ in range(calls):
            start = time.perf_counter()
            for _ in range(repeats):
                value += work()
            seconds.append((time.perf_counter() - start) / repeats)
        print(json.dumps({"seconds": seconds, "value": value / calls / repeats}), flush=True)


def main():
    kind, sizes, batch = sys.argv[1], [int(size) for size in sys.argv[2].split("-")], int(sys.argv[3])
    if kind == "first":
        first_step(sizes, batch)
    else:
        contend(kind, sizes, batch, int(sys.argv[4]), sys.argv[5])


main()
