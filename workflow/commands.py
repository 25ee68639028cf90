"""Every command line of the workflow, as a list of words."""

import itertools
import os
import subprocess

from snakemake.exceptions import WorkflowError
from words import flag_words, shell, split_flags


class Commands:
    """
    @param plan what there is to run
    @param root folder of the repository
    """

    def __init__(self, plan, root):
        self.plan, self.root = plan, root

    def script(self, name, *words, permissions=None):
        allow = permissions or ("-P=blas" if self.plan.config["blas"] else "-P")
        path = name if name.endswith(".ts") else os.path.join(self.root, "scripts", f"{name}.ts")
        return [self.plan.config["deno"], "run", "--quiet", allow, path, *words]

    def train(self, run, part, output_dir, device=None):
        """One run of a script. `part`: flags that say which part of the run, or that it merges. Rules add the number of threads,
        which may change without a run being another."""
        run = self.plan.runs[run]
        words = [*run.words, "--seed", str(run.seed), "--n-folds", str(self.plan.config["folds"]), *self._data_flags()]
        if run.embeddings:
            words += ["--embeddings", *map(self.plan.vectors, run.embeddings)]
            words += [word for name in run.embeddings for word in self._ids("--ids", name)]
        if run.gene_embeddings:
            words += ["--gene-embeddings", self.plan.vectors(run.gene_embeddings), *self._ids("--gene-ids", run.gene_embeddings)]
        if run.sequences:
            words += ["--sequences", self.plan.of_data_folder(run.sequences)]
        words += ["--device", device or run.device] if run.model.cut else []
        return self.script(run.script, *words, "--output-dir", output_dir, "--model-name", run.model_name or run.name, *part)

    def part_flags(self, run, index):
        run = self.plan.runs[run]
        if run.stage == "genes":
            return ["--genes", f"{index}/{run.parts}"]
        return ["--folds", *(str(fold) for fold in range(index - 1, self.plan.config["folds"], run.parts))]

    def train_all(self, batch):
        """One line of a shell for all runs of a batch, each with a log of its own."""
        results = os.path.join(self.plan.out, "results")
        lines = [
            f"{shell(self.train(run, ['--resume'], results))} > {shell([os.path.join(self.plan.out, 'logs', 'train', run + '.log')])} 2>&1"
            for run in batch
        ]
        return "status=0; " + "; ".join(f"{line} || status=1" for line in lines) + "; exit $status"

    def embed(self, name, *more):
        own = self.plan.embeddings[name].settings
        words = ["--pipeline", own["pipeline"], *self._model_flags(own), *flag_words(own.get("flags", {}))]
        words += ["--input", self.plan.sequences(name)] if self.plan.sequences(name) else []
        words += ["--output", self.plan.vectors(name)]
        return self.script("inference", *words, *more)

    def fetch(self, model, fasta, vectors):
        """Bring a model of the hub into the cache: the script has no other way than to embed something with it."""
        pipeline = "hyenadna" if "hyena" in model.lower() else "ntv2"
        words = ["--pipeline", pipeline, "--model", model, "--input", fasta, "--output", vectors, "--device", "cpu"]
        return self.script("inference", *words, permissions="-P=hub")

    def prepare(self):
        words = flag_words(self.plan.config["prepare"])
        return self.script("prepare_data", *words, "--output", self.plan.data)

    def compare(self):
        words = ["--results", *map(self.plan.result, self.plan.runs), "--output", os.path.join(self.plan.out, "report")]
        return self.script("compare", *words, *flag_words(self.plan.config["compare"]))

    def check_flags(self):
        """Ask each script whether it knows the flags that it will get, all values at once: --help comes after they are parsed."""
        words = {}
        for run in self.plan.runs.values():
            words.setdefault(run.script, {})[tuple(run.words)] = self.train(run.name, ["--help"], self.plan.out)
        for embedding in self.plan.embeddings.values():
            if embedding.is_made:
                words.setdefault("inference", {})[embedding.name] = self.embed(embedding.name, "--help")
        if "prepare" in self.plan.config:
            words["prepare_data"] = {"": [*self.prepare(), "--help"]}
        if self.plan.config["compare"] is not None:
            words["compare"] = {"": [*self.compare(), "--help"]}
        for script, commands in words.items():
            start = len(self.script(script))
            flags = dict.fromkeys(word for command in commands.values() for word in split_flags(command[start:]))
            command = [*next(iter(commands.values()))[:start], *itertools.chain(*flags)]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if done.returncode != 0:
                said = [line for line in done.stderr.splitlines() if line and "experimental feature" not in line]
                raise WorkflowError(f"Cannot run {script} as the config asks: {' '.join(said[-3:])}")

    def _data_flags(self):
        words = ["--data-dir", self.plan.data] if self.plan.data else []
        for key in ("targets", "tf_seq_csv", "gene_index"):
            words += [f"--{key.replace('_', '-')}", self.plan.config[key]] if key in self.plan.config else []
        return words

    def _ids(self, flag, name):
        ids = self.plan.embeddings[name].settings.get("ids")
        return [flag, ids] if ids else []

    def _model_flags(self, own):
        return ["--model", own["model"]] if "model" in own else []
