"""Compares the guide's model with PyTorch: loss and gradients of a batch, and the weights after five steps of Adam.

Usage: torch_check.py GUIDE_TORCH_DUMP. Ends with 77 (skipped) where there is no PyTorch.
"""
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
except ImportError as error:
    print(f"skipped: {error} (Debian has PyTorch as python3-torch)")
    sys.exit(77)

BATCH = 128
failures = 0


def compare(name, got, expected, tolerance):
    """Checks |got - expected| <= tolerance * |expected|, both as vectors."""
    global failures
    expected = expected.detach().numpy().astype(np.float64)
    assert got.shape == expected.shape, f"{name}: {got.shape} against {expected.shape}"
    error = np.linalg.norm(got - expected) / np.linalg.norm(expected)
    good = error <= tolerance  # false for NaN
    failures += not good
    print(f"{name:12} relative difference {error:.1e}, at most {tolerance:.0e}: {'ok' if good else 'FAILED'}")


def loss_of(weights, images, labels):
    x = images.reshape(-1, 784).to(torch.float32) / 255
    x = torch.relu(x @ weights[0] + weights[1])
    x = torch.relu(x @ weights[2] + weights[3])
    return torch.nn.functional.cross_entropy(x @ weights[4] + weights[5], labels.to(torch.int64))


with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.argv[1], folder], check=True)

    def load(name):
        return np.load(f"{folder}/{name}.npy")

    images = torch.from_numpy(load("images"))
    labels = torch.from_numpy(load("labels"))
    weights = [torch.from_numpy(load(f"before_{i}")).requires_grad_() for i in range(6)]

    loss = loss_of(weights, images[:BATCH], labels[:BATCH])
    compare("loss", load("loss"), loss, 1e-5)
    for i, gradient in enumerate(torch.autograd.grad(loss, weights)):
        compare(f"gradient {i}", load(f"gradient_{i}"), gradient, 1e-5)

    adam = torch.optim.Adam(weights, lr=1e-3, betas=(0.9, 0.999), eps=1e-7)
    for first in range(0, len(labels), BATCH):
        adam.zero_grad()
        loss_of(weights, images[first : first + BATCH], labels[first : first + BATCH]).backward()
        adam.step()
    for i in range(6):
        before = load(f"before_{i}")
        after = load(f"after_{i}")
        assert np.linalg.norm(after - before) > 1e-3, f"weights {i} have not changed"
        compare(f"weights {i}", after, weights[i], 1e-4)

sys.exit(1 if failures else 0)
