"""The kinds of bench/tasks.h in PyTorch: training steps, operations with their gradients, functions of arrays."""

import torch
from torch import nn
from torch.nn import functional


class Flatten(nn.Module):
    """Rows, channels last, as the layouts of the other framework."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


def training_step(model, loss_of, optimizer=None):
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True)

    def step():
        loss = loss_of()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def convnet(sizes, batch):
    model = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
                          Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10)).to(memory_format=torch.channels_last)
    images = torch.randint(256, (batch, 1, 28, 28), dtype=torch.uint8)
    labels = torch.randint(10, (batch,))

    def loss():
        x = (images.float() / 255).to(memory_format=torch.channels_last)
        return functional.cross_entropy(model(x), labels)

    return training_step(model, loss)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.projections = nn.Linear(width, 3 * width)
        self.result = nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        rows, positions, width = x.shape
        q, k, v = (part.view(rows, positions, self.heads, -1).transpose(1, 2)
                   for part in self.projections(self.norms[0](x)).chunk(3, -1))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.result(y.transpose(1, 2).reshape(rows, positions, width))
        return x + self.perceptron(self.norms[1](x))


class Transformer(nn.Module):
    def __init__(self, layers, width, heads, context, vocabulary):
        super().__init__()
        self.characters = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)), nn.LayerNorm(width))
        self.logits = nn.Linear(width, vocabulary)

    def forward(self, text):
        return self.logits(self.blocks(self.characters(text) + self.positions.weight))


def transformer(sizes, batch, compiled=False):
    layers, width, heads, context = sizes
    vocabulary = 256
    model = Transformer(layers, width, heads, context, vocabulary)
    run = torch.compile(model) if compiled else model
    text, following = (torch.randint(vocabulary, (batch, context)) for _ in range(2))
    return training_step(model, lambda: functional.cross_entropy(run(text).flatten(0, 1), following.flatten()))


def forward(f):
    def work():
        with torch.inference_mode():
            f()
        return 0.0

    return work


def with_gradients(f, by, up):
    for tensor in by:
        tensor.requires_grad_()

    def work():
        torch.autograd.grad(f(), by, up)
        return 0.0

    return work


def convolution(sizes, batch):
    height, width, channels, kernel, out, stride = sizes
    images = torch.randn(batch, channels, height, width).to(memory_format=torch.channels_last)
    filters = torch.randn(out, channels, kernel, kernel).to(memory_format=torch.channels_last)
    # "same" padding as TensorFlow's; for a stride of 2 and an odd kernel the sizes agree, not the sides.
    return images, filters, lambda: functional.conv2d(images, filters, stride=stride, padding=kernel // 2)


def conv(sizes, batch):
    return forward(convolution(sizes, batch)[2])


def conv_all(sizes, batch):
    images, filters, f = convolution(sizes, batch)
    return with_gradients(f, (images, filters), torch.randn_like(f()))


def depthwise_all(sizes, batch):
    height, width, channels, kernel = sizes
    images = torch.randn(batch, channels, height, width).to(memory_format=torch.channels_last)
    filters = torch.randn(channels, 1, kernel, kernel)

    def f():
        return functional.conv2d(images, filters, padding=kernel // 2, groups=channels)

    return with_gradients(f, (images, filters), torch.randn_like(f()))


def pool_all(sizes, batch, pool):
    height, width, channels, kernel, stride = sizes
    images = torch.randn(batch, channels, height, width).to(memory_format=torch.channels_last)

    def f():
        return pool(images, kernel, stride)

    return with_gradients(f, (images,), torch.randn_like(f()))


def attention_of(sizes, batch, causal):
    positions, heads, depth = sizes
    every = torch.randn(batch, positions, 3 * heads * depth)

    def f():
        q, k, v = every.view(batch, positions, 3, heads, depth).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return y.transpose(1, 2).reshape(batch, positions, heads * depth)

    return every, f


def attention(sizes, batch):
    return forward(attention_of(sizes, batch, False)[1])


def attention_all(sizes, batch, causal=False):
    every, f = attention_of(sizes, batch, causal)
    return with_gradients(f, (every,), torch.randn_like(f()))


def layer_norm_of(sizes, batch):
    x, gamma, beta = torch.randn(batch, sizes[0]), torch.randn(sizes[0]), torch.randn(sizes[0])
    return (x, gamma, beta), lambda: functional.layer_norm(x, (sizes[0],), gamma, beta)


def layer_norm_all(sizes, batch):
    by, f = layer_norm_of(sizes, batch)
    return with_gradients(f, by, torch.randn(batch, sizes[0]))


def of_array(f):
    def make(sizes, rows):
        x = torch.randn(rows, sizes[0])
        return forward(lambda: f(x))

    return make


def top_k(sizes, rows):
    x = torch.randn(rows, sizes[0])
    return forward(lambda: torch.topk(x, sizes[1]))


def gather(sizes, count):
    table, indices = torch.randn(sizes), torch.randint(sizes[0], (count,))
    return forward(lambda: table[indices])


def scatter_add(sizes, count):
    table, indices, rows = torch.randn(sizes), torch.randint(sizes[0], (count,)), torch.randn(count, sizes[1])
    return forward(lambda: table.index_add_(0, indices, rows))


TASKS = {
    "convnet": convnet,
    "transformer": transformer,
    "conv": conv,
    "conv_all": conv_all,
    "depthwise_all": depthwise_all,
    "max_pool_all": lambda sizes, batch: pool_all(sizes, batch, functional.max_pool2d),
    "avg_pool_all": lambda sizes, batch: pool_all(sizes, batch, functional.avg_pool2d),
    "attention": attention,
    "attention_all": attention_all,
    "causal_attention_all": lambda sizes, batch: attention_all(sizes, batch, True),
    "layer_norm": lambda sizes, batch: forward(layer_norm_of(sizes, batch)[1]),
    "layer_norm_all": layer_norm_all,
    "exp": of_array(torch.exp),
    "log": of_array(lambda x: torch.log(x * x + 1)),
    "sin": of_array(torch.sin),
    "tanh": of_array(torch.tanh),
    "erf": of_array(torch.erf),
    "gelu": of_array(functional.gelu),
    "sigmoid": of_array(torch.sigmoid),
    "chain": of_array(lambda x: torch.tanh(torch.square(x * 0.5 + 1) - x) * torch.exp(-torch.abs(x))
                      + torch.clamp(x, min=0.1) / (torch.square(x) + 1)),
    "sum": of_array(lambda x: torch.sum(x, 1)),
    "max": of_array(lambda x: torch.amax(x, 1)),
    "softmax": of_array(lambda x: torch.softmax(x, 1)),
    "cumsum": of_array(lambda x: torch.cumsum(x, 1)),
    "sort": of_array(lambda x: torch.sort(x, stable=True)),
    "top_k": top_k,
    "gather": gather,
    "scatter_add": scatter_add,
}
