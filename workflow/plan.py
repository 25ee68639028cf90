"""
What a config asks for: runs named by their settings, how each is cut into parts, and every command line, as lists of words.
Snakemake's rules join words with `shell()` below and nothing else, so that no text of a config becomes shell code.

    plan = Plan(config, root)
    plan.runs["hs27_xgboost__nt__seed-42"].parts        # 8
    plan.train(run, ["--genes", "3/8"], output_dir)     # ["deno", "run", ...]
"""

import hashlib
import itertools
import json
import os
import re
import shlex
import subprocess
from dataclasses import dataclass, field

from snakemake.exceptions import WorkflowError


@dataclass(frozen=True)
class Model:
    """What the workflow must know of a script; its flags are the script's own affair."""

    # What a run can be cut by: "genes", "folds", or None where a whole run takes seconds.
    cut: "str | None"
    # Which of these a run of it reads: vectors of TFs, vectors of genes, DNA.
    reads: tuple = ()
    # How many parts without `parts`; 0 is one a fold.
    parts: int = 0
    # The flag that says how many threads; None where it has one.
    threads: "str | None" = "--threads"


MODELS = {
    "hs27_lel": Model(None, threads=None),
    "lel_embed": Model(None, ("embeddings", "gene_embeddings"), threads=None),
    "hs27_xgboost": Model("genes", ("embeddings",), parts=8, threads="--n-jobs"),
    "hs_27_mlp_nt": Model("folds", ("embeddings",)),
    "hs_27_mlp_hyena": Model("folds", ("embeddings",)),
    "concat_gene_tf_mlp": Model("folds", ("embeddings", "gene_embeddings")),
    "nt_v2_ia3_regression": Model("folds", ("sequences",)),
    "baselines": Model(None, ("embeddings",), threads=None),
}
# What baselines.ts makes; each is a run, in a result folder that ends in its name. The first two read no embeddings.
BASELINES = ["zero", "mean", "nearest", "kernel-ridge", "kernel-ridge-linear", "shuffled"]

# Flags that the workflow gives itself.
OWN_FLAGS = {
    "output-dir", "model-name", "folds", "genes", "resume", "merge", "shard", "input", "output", "seed", "n-folds",
    "device", "threads", "n-jobs", "data-dir", "repo-root", "embeddings", "gene-embeddings", "sequences", "json",
    "progress", "help", "pipeline", "model-code",
}  # fmt: skip
# Flags whose value is a file that must be there; one that a script would write (fresh folds) two jobs would write at once.
FILE_FLAGS = {
    "targets", "targets-path", "targets-csv", "ids", "gene-ids", "gene-index", "tf-seq-csv", "cv-splits-file", "group-by",
    "onnx", "ntv2-dir", "hyena-dir", "h5ad", "mtx", "guides", "table", "gtf", "genome", "regions", "aliases", "tfs", "de-genes",
    "gene-names",
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One cross-validation: a script with all its settings."""

    name: str
    script: str
    words: tuple
    seed: int
    parts: int
    device: str
    # Names of embeddings in the config.
    embeddings: tuple = ()
    gene_embeddings: "str | None" = None
    sequences: "str | None" = None
    # What --model-name says: the name of the result folder, but for baselines.ts.
    model_name: "str | None" = None

    @property
    def model(self):
        return MODELS[self.script]

    @property
    def stage(self):
        """The rule that trains it."""
        if self.model.cut is None:
            return "quick"
        return "whole" if self.parts == 1 else self.model.cut


@dataclass(frozen=True)
class Embedding:
    """Vectors by a name of the config: a file that is there, or one that the workflow makes."""

    name: str
    settings: dict = field(hash=False)

    @property
    def is_made(self):
        return "pipeline" in self.settings

    @property
    def shards(self):
        return self.settings.get("shards", 1)

    @property
    def device(self):
        return self.settings.get("device", "cpu")


def shell(words):
    """Words as one command line of a shell."""
    return " ".join(shlex.quote(str(word)) for word in words)


class Plan:
    def __init__(self, config, root):
        self.config, self.root = config, root
        self.out = config["output"]
        self.data = os.path.join(self.out, "data") if "prepare" in config else config.get("data_dir")
        self.embeddings = {name: Embedding(name, own) for name, own in config["embeddings"].items()}
        self.runs = {}
        for number, entry in enumerate(config["models"], 1):
            for run in self._runs_of(entry, f"models, entry {number} ({entry['script']})"):
                if run.name in self.runs:
                    raise WorkflowError(f'Cannot plan: two runs have the same settings, "{run.name}" (models, entry {number})')
                self.runs[run.name] = run
        self._check_files()
        self._check_number_of_jobs()

    # Files

    def result(self, run):
        return os.path.join(self.out, "results", run)

    def part(self, run, index):
        return os.path.join(self.out, "parts", run, f"{index}-of-{self.runs[run].parts}")

    def work(self, run, index):
        return os.path.join(self.out, "work", run, f"{index}-of-{self.runs[run].parts}")

    def vectors(self, name):
        embedding = self.embeddings[name]
        return os.path.join(self.out, "embeddings", f"{name}.npy") if embedding.is_made else embedding.settings["file"]

    def prepared(self):
        """The file that says that the data folder is complete; none where it was given."""
        return [os.path.join(self.data, "prepare.json")] if "prepare" in self.config else []

    def inputs(self, run):
        """What must be there before a run starts: files of this workflow, and those of the user whose change starts it anew."""
        run = self.runs[run]
        names = [*run.embeddings, *([run.gene_embeddings] if run.gene_embeddings else [])]
        given = [self.config[key] for key in ("targets", "tf_seq_csv", "gene_index") if key in self.config]
        return [*self.prepared(), *given, *map(self.vectors, names), *self.fetched(self._hub_model_of(run))]

    def sequences(self, embedding):
        """FASTA or table of an embedding: as it is named, else of the data folder; None where flags name a genome and regions."""
        path = self.embeddings[embedding].settings.get("sequences")
        return None if path is None else self._of_data_folder(path)

    def embedding_inputs(self, embedding):
        path = self.sequences(embedding)
        is_prepared = path is not None and "prepare" in self.config and path.startswith(self.data + os.sep)
        flags = file_flags(self.embeddings[embedding].settings.get("flags", {}))
        own = self.prepared() if is_prepared else [path] if path else [path for _, path in flags]
        return [*own, *self.fetched(self.embeddings[embedding].settings.get("model"))]

    def fetched(self, model):
        """The file that says that a model of the hub lies in the cache; none for a folder."""
        return [os.path.join(self.out, "models", f"{slug(model)}.json")] if is_of_hub(model) else []

    # Command lines

    def script(self, name, *words, permissions=None):
        allow = permissions or ("-P=blas" if self.config["blas"] else "-P")
        path = name if name.endswith(".ts") else os.path.join(self.root, "scripts", f"{name}.ts")
        return [self.config["deno"], "run", "--quiet", allow, path, *words]

    def train(self, run, part, output_dir, device=None):
        """One run of a script. `part`: flags that say which part of the run, or that it merges. Rules add the number of threads,
        which may change without a run being another."""
        run = self.runs[run]
        words = [*run.words, "--seed", str(run.seed), "--n-folds", str(self.config["folds"]), *self._data_flags()]
        if run.embeddings:
            words += ["--embeddings", *map(self.vectors, run.embeddings)]
            words += [word for name in run.embeddings for word in self._ids("--ids", name)]
        if run.gene_embeddings:
            words += ["--gene-embeddings", self.vectors(run.gene_embeddings), *self._ids("--gene-ids", run.gene_embeddings)]
        if run.sequences:
            words += ["--sequences", self._of_data_folder(run.sequences)]
        words += ["--device", device or run.device]
        return self.script(run.script, *words, "--output-dir", output_dir, "--model-name", run.model_name or run.name, *part)

    def part_flags(self, run, index):
        run = self.runs[run]
        if run.stage == "genes":
            return ["--genes", f"{index}/{run.parts}"]
        return ["--folds", *(str(fold) for fold in range(index - 1, self.config["folds"], run.parts))]

    def batches(self):
        """Runs that take seconds, by what they read, so many that a job is worth its start."""
        alike = {}
        for run in self.runs.values():
            if run.stage == "quick":
                alike.setdefault(tuple(self.inputs(run.name)), []).append(run.name)
        size = self.config["quick_batch"]
        return [runs[i : i + size] for runs in alike.values() for i in range(0, len(runs), size)]

    def train_all(self, batch):
        """One line of a shell for all runs of a batch, each with a log of its own."""
        results = os.path.join(self.out, "results")
        lines = [
            f"{shell(self.train(run, ['--resume'], results))} > {shell([os.path.join(self.out, 'logs', 'train', run + '.log')])} 2>&1"
            for run in batch
        ]
        return "status=0; " + "; ".join(f"{line} || status=1" for line in lines) + "; exit $status"

    def embed(self, name, *more):
        own = self.embeddings[name].settings
        words = ["--pipeline", own["pipeline"], *self._model_flags(own), *flag_words(own.get("flags", {}))]
        words += ["--input", self.sequences(name)] if self.sequences(name) else []
        words += ["--output", self.vectors(name)]
        return self.script("inference", *words, *more)

    def fetch(self, model, fasta, vectors):
        """Bring a model of the hub into the cache: the script has no other way than to embed something with it."""
        pipeline = "hyenadna" if "hyena" in model.lower() else "ntv2"
        words = ["--pipeline", pipeline, "--model", model, "--input", fasta, "--output", vectors, "--device", "cpu"]
        return self.script("inference", *words, permissions="-P=hub")

    def prepare(self):
        words = flag_words(self.config["prepare"])
        return self.script("prepare_data", *words, "--output", self.data)

    def compare(self):
        words = ["--results", *map(self.result, self.runs), "--output", os.path.join(self.out, "report")]
        return self.script("compare", *words, *flag_words(self.config["compare"]))

    # Checks

    def check_flags(self):
        """Ask each script whether it knows the flags that it will get, all values at once: --help comes after they are parsed."""
        words = {}
        for run in self.runs.values():
            words.setdefault(run.script, {})[tuple(run.words)] = self.train(run.name, ["--help"], self.out)
        for embedding in self.embeddings.values():
            if embedding.is_made:
                words.setdefault("inference", {})[embedding.name] = self.embed(embedding.name, "--help")
        if "prepare" in self.config:
            words["prepare_data"] = {"": [*self.prepare(), "--help"]}
        if self.config["compare"] is not None:
            words["compare"] = {"": [*self.compare(), "--help"]}
        for script, commands in words.items():
            start = len(self.script(script))
            flags = dict.fromkeys(word for command in commands.values() for word in split_flags(command[start:]))
            command = [*next(iter(commands.values()))[:start], *itertools.chain(*flags)]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if done.returncode != 0:
                said = [line for line in done.stderr.splitlines() if line and "experimental feature" not in line]
                raise WorkflowError(f"Cannot run {script} as the config asks: {' '.join(said[-3:])}")

    def _check_files(self):
        if "prepare" not in self.config and self.data is None and "targets" not in self.config:
            raise WorkflowError("Cannot plan without data: name data_dir, targets or prepare in the config")
        wanted = {key: self.config[key] for key in ("data_dir", "targets", "tf_seq_csv", "gene_index") if key in self.config}
        for name, embedding in self.embeddings.items():
            own = embedding.settings
            wanted |= {f"embeddings, {name}: {key}": own[key] for key in ("file", "ids") if key in own}
            wanted |= {f"embeddings, {name}: {key}": value for key, value in file_flags(own.get("flags", {}))}
            if embedding.is_made and self.sequences(name) and "prepare" not in self.config:
                wanted[f"embeddings, {name}: sequences"] = self.sequences(name)
        for number, entry in enumerate(self.config["models"], 1):
            flags = [*entry.get("flags", {}).items()]
            flags += [(key, value) for key, values in entry.get("grid", {}).items() for value in values]
            if "sequences" in entry and "prepare" not in self.config:
                wanted[f"models, entry {number}: sequences"] = self._of_data_folder(entry["sequences"])
            for key, value in file_flags(flags):
                wanted[f"models, entry {number}: {key} {value}"] = value
        wanted |= {f"prepare: {key}": value for key, value in file_flags(self.config.get("prepare", {}))}
        for what, path in wanted.items():
            if not os.path.exists(path):
                raise WorkflowError(f'Cannot find "{path}" ({what} of the config)')

    def _check_number_of_jobs(self):
        quick = self.batches()
        jobs = len(quick) + sum(run.parts for run in self.runs.values() if run.stage != "quick")
        jobs += sum(e.shards for e in self.embeddings.values() if e.is_made)
        if jobs > self.config["max_jobs"]:
            raise WorkflowError(
                f"Cannot plan {jobs} jobs: max_jobs is {self.config['max_jobs']} (use fewer parts, shards, seeds or grid "
                "points, or raise max_jobs)"
            )

    # From an entry of `models` to its runs

    def _runs_of(self, entry, place):
        script = entry["script"]
        model, fixed, grid = MODELS[script], entry.get("flags", {}), entry.get("grid", {})
        for key in [*fixed, *grid]:
            if key in OWN_FLAGS:
                raise WorkflowError(f'Cannot use the flag "{key}" in {place}: the workflow gives it itself')
        for key in ("embeddings", "gene_embeddings", "sequences"):
            if key in entry and key not in model.reads:
                raise WorkflowError(f"Cannot use {key} in {place}: this script reads none")
        both = sorted(set(fixed) & set(grid))
        if both:
            raise WorkflowError(f'Cannot use "{both[0]}" in {place} in flags and in grid: choose one')
        parts = 1 if model.cut is None else entry.get("parts", model.parts or self.config["folds"])
        if model.cut is None and "parts" in entry:
            raise WorkflowError(f"Cannot use parts in {place}: a run of this script takes seconds")
        if model.cut == "folds" and parts > self.config["folds"]:
            raise WorkflowError(f"Cannot cut {place} into {parts} parts: there are {self.config['folds']} folds")
        inputs = [tuple(names) if isinstance(names, list) else (names,) for names in entry.get("embeddings", [])] or [()]
        genes = entry.get("gene_embeddings")
        for name in [*itertools.chain(*inputs), *([genes] if genes else [])]:
            if name not in self.embeddings:
                known = ", ".join(self.embeddings) or "none"
                raise WorkflowError(f'Cannot find the embeddings "{name}" of {place}: the config has {known}')
        points = [dict(zip(grid, values)) for values in itertools.product(*grid.values())]
        for names, point, seed in itertools.product(inputs, points, entry.get("seeds", self.config["seeds"])):
            if script == "baselines":
                yield from self._baselines({**fixed, **point}, names, seed, names == inputs[0])
                continue
            settings = {**fixed, **point}
            words = [script, *(["+".join(names)] if names else []), *([genes] if genes else [])]
            words += [f"{key}-{text_of(value)}" for key, value in settings.items()] + [f"seed-{seed}"]
            yield Run(
                name=run_name(words, settings),
                script=script,
                words=tuple(flag_words(settings)),
                seed=seed,
                parts=parts,
                device=entry.get("device", "cpu"),
                embeddings=names,
                gene_embeddings=genes,
                sequences=entry.get("sequences"),
            )

    def _baselines(self, settings, embeddings, seed, is_first):
        """One run for each baseline; those that nothing but the targets changes once for each seed."""
        asked = settings.pop("models", BASELINES)
        for name in asked if isinstance(asked, list) else [asked]:
            reads = name not in BASELINES[:2]
            if not reads and not is_first:
                continue
            words = ["baselines", *(["+".join(embeddings)] if embeddings and reads else [])]
            words += [f"{key}-{text_of(value)}" for key, value in settings.items()] + [f"seed-{seed}"]
            model_name = run_name(words, settings)
            yield Run(
                name=f"{model_name}_{name.replace('-', '_')}",
                script="baselines",
                words=("--models", name, *flag_words(settings)),
                seed=seed,
                parts=1,
                device="cpu",
                embeddings=embeddings if reads else (),
                model_name=model_name,
            )

    # Flags

    def _data_flags(self):
        words = ["--data-dir", self.data] if self.data else []
        for key in ("targets", "tf_seq_csv", "gene_index"):
            words += [f"--{key.replace('_', '-')}", self.config[key]] if key in self.config else []
        return words

    def _ids(self, flag, name):
        ids = self.embeddings[name].settings.get("ids")
        return [flag, ids] if ids else []

    def _model_flags(self, own):
        return ["--model", own["model"]] if "model" in own else []

    def _hub_model_of(self, run):
        return run.words[run.words.index("--model") + 1] if "--model" in run.words else None

    def _of_data_folder(self, path):
        if self.data is None or os.path.exists(path):
            return path
        return os.path.join(self.data, path)


def flag_words(flags):
    """{"epochs": 5, "strict": True, "hidden-dims": [8, 4]} as words of a command line."""
    words = []
    for key, value in flags.items():
        if isinstance(value, bool):
            words.append(f"--{key}" if value else f"--no-{key}")
        elif isinstance(value, list):
            words += [f"--{key}", *map(str, value)]
        elif str(value).startswith("--"):
            words.append(f"--{key}={value}")
        else:
            words += [f"--{key}", str(value)]
    return words


def split_flags(words):
    """Words of a command line as tuples, each a flag with its values."""
    flags = []
    for word in words:
        if word.startswith("--"):
            flags.append((word,))
        else:
            flags[-1] += (word,)
    return flags


def file_flags(flags):
    pairs = flags.items() if isinstance(flags, dict) else flags
    return [(key, value) for key, value in pairs if key in FILE_FLAGS and isinstance(value, str)]


def text_of(value):
    if isinstance(value, list):
        return "-".join(map(text_of, value))
    return str(value).lower() if isinstance(value, bool) else os.path.basename(str(value).rstrip("/"))


def run_name(words, settings):
    """A folder name that says the settings. Where that takes letters away, or it got long, a hash tells it from its like."""
    whole = "__".join(words)
    name = re.sub(r"[^A-Za-z0-9.+_-]", "-", whole)[:140]
    is_whole = name == whole and not any("/" in word for word in flag_words(settings))
    return name if is_whole else f"{name}__{hashlib.sha256(json.dumps([words, settings]).encode()).hexdigest()[:8]}"


def slug(model):
    return re.sub(r"[^A-Za-z0-9.-]", "_", model)


def is_of_hub(model):
    """Whether a model is named as the hub names it, and is no folder."""
    return model is not None and re.fullmatch(r"[\w.-]+/[\w.-]+", model) is not None and not os.path.isdir(model)
