"""The functions of arrays of bench/functions.cpp in NumPy and JAX: {kind: make(sizes, batch)}, as in torch_tasks.py."""

import numpy


def random(*shape):
    return numpy.random.default_rng(0).standard_normal(shape, numpy.float32)


def indices(below, count):
    return numpy.random.default_rng(3).integers(0, below, count)


def numpy_tasks():
    """NumPy has no error function, so neither gelu. All run on one thread."""

    def of_array(f):
        def make(sizes, rows):
            x = random(rows, sizes[0])
            return lambda: f(x)

        return make

    def softmax(x):
        y = numpy.exp(x - x.max(1, keepdims=True))
        return y / y.sum(1, keepdims=True)

    def chain(x):
        return (numpy.tanh(numpy.square(x * 0.5 + 1) - x) * numpy.exp(-numpy.abs(x))
                + numpy.maximum(x, 0.1) / (numpy.square(x) + 1))

    def top_k(sizes, rows):
        x, k = random(rows, sizes[0]), sizes[1]

        def work():
            some = numpy.argpartition(x, -k, axis=1)[:, -k:]
            values = numpy.take_along_axis(x, some, 1)
            order = numpy.argsort(-values, axis=1)
            return numpy.take_along_axis(values, order, 1), numpy.take_along_axis(some, order, 1)

        return work

    def gather(sizes, count):
        table, where = random(*sizes), indices(sizes[0], count)
        return lambda: table[where]

    def scatter_add(sizes, count):
        table, where, rows = random(*sizes), indices(sizes[0], count), random(count, sizes[1])
        return lambda: numpy.add.at(table, where, rows)

    return {
        "exp": of_array(numpy.exp),
        "log": of_array(lambda x: numpy.log(x * x + 1)),
        "sin": of_array(numpy.sin),
        "tanh": of_array(numpy.tanh),
        "sigmoid": of_array(lambda x: 1 / (1 + numpy.exp(-x))),
        "chain": of_array(chain),
        "sum": of_array(lambda x: x.sum(1)),
        "max": of_array(lambda x: x.max(1)),
        "softmax": of_array(softmax),
        "cumsum": of_array(lambda x: numpy.cumsum(x, 1)),
        "sort": of_array(lambda x: numpy.sort(x, 1, kind="stable")),
        "top_k": top_k,
        "gather": gather,
        "scatter_add": scatter_add,
    }


def jax_tasks():
    import jax
    from jax import numpy as jnp

    def of_array(f):
        compiled = jax.jit(f)

        def make(sizes, rows):
            x = jnp.asarray(random(rows, sizes[0]))
            return lambda: jax.block_until_ready(compiled(x))

        return make

    def top_k(sizes, rows):
        x = jnp.asarray(random(rows, sizes[0]))
        compiled = jax.jit(lambda x: jax.lax.top_k(x, sizes[1]))
        return lambda: jax.block_until_ready(compiled(x))

    def gather(sizes, count):
        table, where = jnp.asarray(random(*sizes)), jnp.asarray(indices(sizes[0], count))
        compiled = jax.jit(lambda table, where: table[where])
        return lambda: jax.block_until_ready(compiled(table, where))

    def scatter_add(sizes, count):
        table = [jnp.asarray(random(*sizes))]
        where, rows = jnp.asarray(indices(sizes[0], count)), jnp.asarray(random(count, sizes[1]))
        compiled = jax.jit(lambda table, where, rows: table.at[where].add(rows), donate_argnums=0)

        def work():
            table[0] = jax.block_until_ready(compiled(table[0], where, rows))

        return work

    def chain(x):
        return (jnp.tanh(jnp.square(x * 0.5 + 1) - x) * jnp.exp(-jnp.abs(x))
                + jnp.maximum(x, 0.1) / (jnp.square(x) + 1))

    return {
        "exp": of_array(jnp.exp),
        "log": of_array(lambda x: jnp.log(x * x + 1)),
        "sin": of_array(jnp.sin),
        "tanh": of_array(jnp.tanh),
        "erf": of_array(jax.lax.erf),
        "gelu": of_array(lambda x: jax.nn.gelu(x, approximate=False)),
        "sigmoid": of_array(jax.nn.sigmoid),
        "chain": of_array(chain),
        "sum": of_array(lambda x: jnp.sum(x, 1)),
        "max": of_array(lambda x: jnp.max(x, 1)),
        "softmax": of_array(lambda x: jax.nn.softmax(x, 1)),
        "cumsum": of_array(lambda x: jnp.cumsum(x, 1)),
        "sort": of_array(lambda x: jnp.sort(x, 1, stable=True)),
        "top_k": top_k,
        "gather": gather,
        "scatter_add": scatter_add,
    }
