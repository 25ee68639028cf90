"""The work of bench/mlp.ts in PyTorch: seconds of each part as one line of JSON. Run by bench/mlp.ts.

Where PyTorch has several ways (the optimiser's fused and foreach kernels, two forms of the masked error), the fastest counts.
"""

import json
import resource
import sys
import time
from functools import partial

import torch
from torch import nn

settings = json.loads(sys.argv[1])
torch.set_num_threads(settings["threads"])
torch.manual_seed(0)


def median_seconds(step, repeats):
    step()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def mlp(widths, dropout):
    layers = []
    for inputs, outputs in zip(widths[:-2], widths[1:-1]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()] + ([nn.Dropout(dropout)] if dropout else [])
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def masked_mse(prediction, target):
    mask = torch.isfinite(target)
    return ((prediction - target)[mask] ** 2).mean()


def masked_mse_whole(prediction, target):
    mask = torch.isfinite(target)
    return torch.where(mask, prediction - target, 0).square().sum() / mask.sum()


def best_step(ways, repeats):
    """The least median; ways: functions that make a step."""
    return min(median_seconds(way, repeats) for way in ways)


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


adam_ways = ({"fused": True}, {"foreach": True})


def regression(s):
    model = mlp([s["width"], *s["hidden"], s["genes"]], 0.2)
    optimisers = [torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4, **way) for way in adam_ways]
    x, y = torch.randn(s["rows"], s["width"]), torch.randn(s["rows"], s["genes"])
    xv, yv = torch.randn(s["validation"], s["width"]), torch.randn(s["validation"], s["genes"])

    def step(optimiser, error):
        model.train()
        optimiser.zero_grad()
        error(model(x), y).backward()
        optimiser.step()

    def check(error):
        model.eval()
        with torch.inference_mode():
            error(model(xv), yv).item()

    errors = (masked_mse, masked_mse_whole)
    return {
        "step": best_step([partial(step, o, e) for o in optimisers for e in errors], s["repeats"]),
        "check": best_step([partial(check, e) for e in errors], s["repeats"]),
        "peak_mib": peak_mib(),
    }


def pairs(s):
    model = mlp([2 * s["width"], *s["hidden"], 1], 0)
    optimisers = [torch.optim.Adam(model.parameters(), lr=1e-4, weight_decay=1e-4, **way) for way in adam_ways]
    tfs, genes = torch.randn(s["tfs"], s["width"]), torch.randn(s["genes"], s["width"])
    y = torch.randn(s["tfs"], s["genes"])

    def batch():
        cells = torch.randint(s["tfs"] * s["genes"], (s["batch"],))
        tf, gene = torch.div(cells, s["genes"], rounding_mode="floor"), cells % s["genes"]
        return torch.cat([tfs[tf], genes[gene]], dim=1), y[tf, gene]

    class Cells(torch.utils.data.Dataset):
        """One pair an item, put together one by one, as the original script's loader does."""

        def __len__(self):
            return s["tfs"] * s["genes"]

        def __getitem__(self, cell):
            tf, gene = divmod(cell, s["genes"])
            return torch.cat([tfs[tf], genes[gene]]), y[tf, gene]

    loader = iter(torch.utils.data.DataLoader(Cells(), batch_size=s["batch"], shuffle=True))

    def step(optimiser, of=batch):
        model.train()
        x, target = of()
        optimiser.zero_grad()
        nn.functional.mse_loss(model(x).squeeze(-1), target).backward()
        optimiser.step()

    def check(of=batch):
        model.eval()
        with torch.inference_mode():
            x, target = of()
            nn.functional.mse_loss(model(x).squeeze(-1), target).item()

    return {
        "step": best_step([partial(step, o) for o in optimisers], s["repeats"]),
        "check": median_seconds(check, s["repeats"]),
        "peak_mib": peak_mib(),
        "loader_step": best_step([partial(step, o, lambda: next(loader)) for o in optimisers], s["repeats"]),
        "loader_check": median_seconds(lambda: check(lambda: next(loader)), s["repeats"]),
    }


print(json.dumps({
    "version": torch.__version__,
    "mlp": regression(settings["mlp"]),
    "concat": pairs(settings["concat"]),
}))
