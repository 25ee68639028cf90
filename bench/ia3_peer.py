"""A training step of Nucleotide Transformer v2 with IA3 in PyTorch, for bench/ia3.ts: random weights, the 50M shape.

    python3 bench/ia3_peer.py TOKENS BATCH LAYERS OUTPUTS [STEPS]

Prints one JSON line: seconds of a forward pass without gradients, of the forward and backward halves of a training
step, of the whole step (the best), and the process's peak memory.
"""
import json
import os
import resource
import sys
import time

import torch
from torch import nn

tokens, batch, layers, outputs = map(int, sys.argv[1:5])
steps = int(sys.argv[5]) if len(sys.argv) > 5 else 2
width, heads, inner, vocabulary = 512, 16, 2048, 4107
if "OMP_NUM_THREADS" in os.environ:
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
torch.manual_seed(0)


def rotate(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-b, a), dim=-1) * sin


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, 1e-12), nn.LayerNorm(width, 1e-12)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 2 * inner, bias=False), nn.Linear(inner, width, bias=False)
        self.requires_grad_(False)
        self.lk, self.lv, self.lo, self.lup = (nn.Parameter(torch.ones(width)) for _ in range(4))
        self.ldown = nn.Parameter(torch.ones(inner))

    def forward(self, x, cos, sin):
        split = lambda t: t.view(batch, tokens, heads, width // heads).transpose(1, 2)
        a = self.norm1(x)
        q, k, v = split(self.q(a)), split(self.k(a) * self.lk), split(self.v(a) * self.lv)
        q, k = rotate(q * (width // heads) ** -0.5, cos, sin), rotate(k, cos, sin)
        context = nn.functional.scaled_dot_product_attention(q, k, v, scale=1.0)
        context = context.transpose(1, 2).reshape(batch, tokens, width)
        y = x + self.o(context * self.lo)
        x1, x2 = self.up(self.norm2(y) * self.lup).chunk(2, dim=-1)
        return y + self.down(nn.functional.silu(x1) * x2 * self.ldown)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width).requires_grad_(False)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.norm = nn.LayerNorm(width, 1e-12).requires_grad_(False)
        self.dense, self.out = nn.Linear(width, width), nn.Linear(width, outputs)

    def forward(self, ids):
        frequencies = 1 / 10000 ** (torch.arange(0, width // heads, 2) / (width // heads))
        angles = torch.outer(torch.arange(tokens).float(), frequencies).repeat(1, 2)
        x, cos, sin = self.embedding(ids), angles.cos(), angles.sin()
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.out(torch.tanh(self.dense(self.norm(x)[:, 0])))


model = Model()
trainable = [p for p in model.parameters() if p.requires_grad]
optimisers = [torch.optim.Adam(trainable, lr=1e-3, **way) for way in ({"fused": True}, {"foreach": True})]
ids, target = torch.randint(6, 4102, (batch, tokens)), torch.randn(batch, outputs)

with torch.inference_mode():
    start = time.perf_counter()
    model(ids)
    predict_s = time.perf_counter() - start
best = None
for optimiser in optimisers * (1 + (steps > 2)):  # the best of a step of each
    start = time.perf_counter()
    loss = ((model(ids) - target) ** 2).mean()
    forward = time.perf_counter()
    loss.backward()
    backward = time.perf_counter()
    torch.nn.utils.clip_grad_norm_(trainable, 1.0)
    optimiser.step()
    optimiser.zero_grad()
    end = time.perf_counter()
    if best is None or end - start < best["step_s"]:
        best = {"forward_s": forward - start, "backward_s": backward - forward, "step_s": end - start}
best["predict_s"] = predict_s
best["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
best["version"] = torch.__version__
best["threads"] = torch.get_num_threads()
print(json.dumps(best))
