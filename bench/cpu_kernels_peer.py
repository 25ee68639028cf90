"""The work of bench/cpu_kernels.ts in NumPy (products) and PyTorch: best seconds by name, as one line of JSON.

Where PyTorch has several ways, a case is a list of them and the fastest counts: attention as scaled_dot_product_attention on
contiguous heads, on views of (length, heads, width) as a network has them, and written out; Adam's fused and foreach kernels.
Results are written in place where PyTorch lets them be: fresh memory would cost it page faults.
"""

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

    def written_out(q, k, v):
        return torch.softmax(q @ k.transpose(2, 3) * width**-0.5, dim=-1) @ v

    def way(compute, strided):
        leaves = [torch.from_numpy(values(1, length, heads, width) if strided else values(1, heads, length, width)) for _ in range(4)]
        q, k, v = (leaf.requires_grad_(backward) for leaf in leaves[:3])
        turned = (lambda x: x.transpose(1, 2)) if strided else (lambda x: x)

        def run():
            if not backward:
                with torch.inference_mode():
                    return compute(turned(q), turned(k), turned(v))
            q.grad = k.grad = v.grad = None
            with torch.enable_grad():
                compute(turned(q), turned(k), turned(v)).backward(turned(leaves[3]))

        return run

    flash = F.scaled_dot_product_attention
    return [way(flash, False), way(flash, True), way(written_out, False)]


def transform(name):
    rows, n = numbers(name)[:2]
    x = torch.from_numpy(values(rows, n))
    out = torch.fft.rfft(x)
    return [lambda: torch.fft.rfft(x), lambda: torch.fft.rfft(x, out=out)]


def element_wise(name):
    count = numbers(name)[-1]
    a, b, c, d = (torch.from_numpy(values(count)) for _ in range(4))
    rows = a.view(-1, 512)
    if name.startswith("AdamW"):
        parameter = torch.nn.Parameter(a)
        parameter.grad = b
        ways = ({"fused": True}, {"foreach": True})
        return [torch.optim.AdamW([parameter], lr=1e-3, weight_decay=1e-4, **way).step for way in ways]
    half = rows.view(-1, 1024)
    return {
        "add": lambda: torch.add(a, b, out=c),
        "gelu": [lambda: F.gelu(a), lambda: torch.ops.aten.gelu.out(a, out=b)],
        "siluGate": lambda: torch.mul(F.silu(half[:, :512]), half[:, 512:]),
        "tanh": lambda: torch.tanh(a, out=b),
        "sin": lambda: torch.sin(a, out=b),
        "dropout": [lambda: F.dropout(a, 0.2, True), lambda: F.dropout(d, 0.2, True, inplace=True)],
        "layerNorm": lambda: F.layer_norm(rows, (512,)),
        "columnSum": lambda: rows.sum(0),
    }[name.split(",")[0]]


def best_seconds(ways):
    return min(best_of(run) for run in (ways if isinstance(ways, list) else [ways]))


def best_of(run):
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
