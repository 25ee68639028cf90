"""The two DNA models in plain PyTorch, as their published code computes them: the peer of bench/inference.ts.

Usage: inference_peer.py MODEL_FOLDER ntv2|hyenadna TOKENS THREADS REPEATS; prints one line of JSON.
"""
import json, math, resource, sys, time
import numpy as np
import torch
import torch.nn.functional as F

folder, kind, tokens, threads, repeats = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
torch.set_num_threads(threads)
config = json.load(open(f"{folder}/config.json"))


def load():
    path = f"{folder}/model.safetensors"
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        weights = {}
        for name, entry in header.items():
            start, end = entry["data_offsets"]
            file.seek(8 + length + start)
            data = np.frombuffer(file.read(end - start), np.float32)
            weights[name] = torch.from_numpy(data.reshape(entry["shape"]).copy())
    return weights


w = load()


def norm(x, name, eps):
    return F.layer_norm(x, (x.shape[-1],), w[f"{name}.weight"], w[f"{name}.bias"], eps)


def linear(x, name):
    return F.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))


def nt(ids):
    heads = config["num_attention_heads"]
    x = w["esm.embeddings.word_embeddings.weight"][ids]
    batch, length, width = x.shape
    d = width // heads
    split = lambda t: t.view(batch, length, heads, d).transpose(1, 2)
    angles = torch.outer(torch.arange(length).float(), w["esm.encoder.layer.0.attention.self.rotary_embeddings.inv_freq"])
    cos, sin = (f(torch.cat((angles, angles), -1)) for f in (torch.cos, torch.sin))
    turn = lambda t: t * cos + torch.cat((-t[..., d // 2 :], t[..., : d // 2]), -1) * sin
    for i in range(config["num_hidden_layers"]):
        name = f"esm.encoder.layer.{i}"
        a = norm(x, f"{name}.attention.LayerNorm", 1e-12)
        q = split(linear(a, f"{name}.attention.self.query") * d**-0.5)
        k, v = (split(linear(a, f"{name}.attention.self.{p}")) for p in ("key", "value"))
        context = F.scaled_dot_product_attention(turn(q), turn(k), v, scale=1.0)
        context = context.transpose(1, 2).reshape(batch, length, width)
        x = x + linear(context, f"{name}.attention.output.dense")
        x1, x2 = linear(norm(x, f"{name}.LayerNorm", 1e-12), f"{name}.intermediate.dense").chunk(2, -1)
        x = x + linear(F.silu(x1) * x2, f"{name}.output.dense")
    return norm(x, "esm.encoder.emb_layer_norm_after", 1e-12)


def hyena(ids):
    x = w["backbone.embeddings.word_embeddings.weight"][ids]
    length, width = x.shape[1], x.shape[2]
    for i in range(config["n_layer"]):
        name = f"backbone.layers.{i}"
        f = f"{name}.mixer.filter_fn"
        u = linear(norm(x, f"{name}.norm1", 1e-5), f"{name}.mixer.in_proj").transpose(1, 2)
        u = F.conv1d(u, w[f"{name}.mixer.short_filter.weight"], w[f"{name}.mixer.short_filter.bias"], padding=2, groups=3 * width)
        x0, x1, v = u[..., :length].split(width, 1)
        h = w[f"{f}.pos_emb.z"][:, :length]
        for j in (0, 2, 4):
            h = torch.sin(w[f"{f}.implicit_filter.{j + 1}.freq"] * linear(h, f"{f}.implicit_filter.{j}"))
        h = linear(h, f"{f}.implicit_filter.6")
        h = h * (torch.exp(-w[f"{f}.pos_emb.t"][:, :length] * w[f"{f}.modulation.deltas"].abs()) + 0.05)
        k = h[0].transpose(0, 1)
        v = v * x1
        n = 2 * length
        y = torch.fft.irfft(torch.fft.rfft(v, n=n) * torch.fft.rfft(k, n=n) / n, n=n, norm="forward")[..., :length]
        y = (y + v * w[f"{f}.bias"].unsqueeze(-1)) * x0
        x = x + linear(y.transpose(1, 2), f"{name}.mixer.out_proj")
        m = F.gelu(linear(norm(x, f"{name}.norm2", 1e-5), f"{name}.mlp.fc1"), approximate="tanh")
        x = x + linear(m, f"{name}.mlp.fc2")
    return norm(x, "backbone.ln_f", 1e-5)


# The same tokens as bench/inference.ts draws.
ids = np.empty(tokens, np.int64)
state = 1
low, count = (6, 4096) if kind == "ntv2" else (7, 4)
for t in range(tokens):
    state = (state * 1664525 + 1013904223) % 2**32
    ids[t] = low + (state >> 8) % count
ids = torch.from_numpy(ids)[None]
model = nt if kind == "ntv2" else hyena
seconds = []
for _ in range(repeats):
    start = time.perf_counter()
    with torch.inference_mode():
        mean = model(ids).mean(1)
    seconds.append(time.perf_counter() - start)
print(json.dumps({
    "seconds": min(seconds),
    "peakMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "mean": mean[0, :8].tolist(),
    "version": torch.__version__,
}))
