"""The work of bench/cpu_kernels.ts in NumPy (products) and PyTorch: best seconds by name, as one line of JSON."""

import json
import os
import re
import sys
import time

settings = json.loads(sys.argv[1])
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(settings["threads"])  # read where the libraries are loaded

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(settings["threads"])


def numbers(text):
    return [int(number) for number in re.findall(r"\d+", text)]


def values(*shape):
    count = int(np.prod(shape))
    return (np.arange(count) * 7919 % 1000 / 500 + 0.001).astype(np.float32).reshape(shape)


def product(name):
    m, n, k = numbers(name)[:3]
    a = values(k, m).T if "A' B" in name else values(m, k)
    b = values(n, k).T if "A B'" in name else values(k, n)
    out = np.empty((m, n), np.float32)
    return lambda: np.matmul(a, b, out=out)


def attention(name):
    length, heads, width = numbers(name)[:3]
    backward = "backward" in name
    shape = (heads, length, width)
    q, k, v = (torch.from_numpy(values(*shape)).requires_grad_(backward) for _ in range(3))
    slope = torch.from_numpy(values(*shape))

    def run():
        with torch.set_grad_enabled(backward):
            out = torch.softmax(q @ k.transpose(1, 2) * width**-0.5, dim=-1) @ v
            if backward:
                out.backward(slope)

    return run


def transform(name):
    rows, n = numbers(name)[:2]
    x = torch.from_numpy(values(rows, n))
    return lambda: torch.fft.rfft(x)


def element_wise(name):
    count = numbers(name)[-1]
    a, b, c, d = (torch.from_numpy(values(count)) for _ in range(4))
    rows = a.view(-1, 512)
    if name.startswith("AdamW"):
        parameter = torch.nn.Parameter(a)
        parameter.grad = b
        optimiser = torch.optim.AdamW([parameter], lr=1e-3, weight_decay=1e-4)
        return optimiser.step
    return {
        "add": lambda: torch.add(a, b, out=c),
        "gelu": lambda: F.gelu(a),
        "tanh": lambda: torch.tanh(a, out=b),
        "sin": lambda: torch.sin(a, out=b),
        "dropout": lambda: F.dropout(a, 0.2, True),
        "layerNorm": lambda: F.layer_norm(rows, (512,)),
        "columnSum": lambda: rows.sum(0),
    }[name.split(",")[0]]


def best_seconds(run):
    best = float("inf")
    for _ in range(settings["repeats"] + 3):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


makers = {"matmul": product, "attention": attention, "real FFT": transform}
seconds = {}
with torch.no_grad():
    for name in settings["names"]:
        make = next((make for start, make in makers.items() if name.startswith(start)), element_wise)
        seconds[name] = best_seconds(make(name))
versions = f"numpy {np.__version__}, torch {torch.__version__}"
print(json.dumps({"versions": versions, "seconds": seconds}))
