"""Products of a batch of matrices of JAX, compiled.

usage: jax_peer.py batched_forward|batched_gradients|batched_all M-K-N BATCH THREADS
A contestant of bench_compare, as process_peer.h says.
"""

import json
import os
import sys
import time

UNTIMED_SECONDS = 0.03  # as for the contestants in bench/contest.cpp


def make_work(kind, sizes, batch):
    import jax
    import jax.numpy as jnp
    import numpy

    m, k, n = sizes
    random = numpy.random.default_rng(0)
    a, b, up = (
        jnp.asarray(random.normal(size=(batch, *shape)).astype(numpy.float32)) for shape in ((m, k), (k, n), (m, n))
    )

    def gradients(x, y, g):
        return jnp.matmul(g, jnp.swapaxes(y, 1, 2)), jnp.matmul(jnp.swapaxes(x, 1, 2), g)

    if kind == "batched_forward":
        compiled, arguments = jax.jit(jnp.matmul), (a, b)
    elif kind == "batched_gradients":
        compiled, arguments = jax.jit(gradients), (a, b, up)
    else:
        compiled, arguments = jax.jit(lambda x, y, g: (jnp.matmul(x, y), *gradients(x, y, g))), (a, b, up)

    def work():
        jax.block_until_ready(compiled(*arguments))
        return 0.0

    return work


def main():
    kind, sizes, batch = sys.argv[1], [int(size) for size in sys.argv[2].split("-")], int(sys.argv[3])
    threads = int(sys.argv[4])
    os.environ["JAX_PLATFORMS"] = "cpu"
    eigen = "true" if threads > 1 else "false"
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={threads}"
    # JAX creates as many threads as it has cores.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    work = make_work(kind, sizes, batch)
    work()
    print("ready", flush=True)
    for line in sys.stdin:
        calls, repeats = map(int, line.split())
        begin = time.perf_counter()
        while True:
            work()
            if time.perf_counter() - begin > UNTIMED_SECONDS:
                break
        seconds = []
        for _ in range(calls):
            start = time.perf_counter()
            for _ in range(repeats):
                work()
            seconds.append((time.perf_counter() - start) / repeats)
        print(json.dumps({"seconds": seconds, "value": 0.0}), flush=True)


main()
