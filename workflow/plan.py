"""
What a config asks for: runs named by their settings, in how many parts, what they read, and where everything lies.

    plan = Plan(config)
    plan.runs["hs27_xgboost__nt__seed-42"].parts        # 8
    plan.part("hs27_xgboost__nt__seed-42", 3)           # "results/parts/..."
"""

import itertools
import os

from models import BASELINES, MODELS, OWN_EMBEDDING_FLAGS, OWN_FLAGS, Embedding, Run
from snakemake.exceptions import WorkflowError
from words import file_flags, flag_words, is_of_hub, run_name, slug, text_of


class Plan:
    def __init__(self, config):
        self.config = config
        self.out = config["output"]
        self.data = os.path.join(self.out, "data") if "prepare" in config else config.get("data_dir")
        self.embeddings = {name: Embedding(name, own) for name, own in config["embeddings"].items()}
        for name, embedding in self.embeddings.items():
            refuse_own(embedding.settings.get("flags", {}), f"embeddings, {name}", OWN_EMBEDDING_FLAGS)
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
        return [*self.prepared(), *given, *map(self.vectors, names), *self.fetched(self.hub_model_of(run))]

    def sequences(self, embedding):
        """FASTA or table of an embedding: as it is named, else of the data folder; None where flags name a genome and regions."""
        path = self.embeddings[embedding].settings.get("sequences")
        return None if path is None else self.of_data_folder(path)

    def embedding_inputs(self, embedding):
        path = self.sequences(embedding)
        is_prepared = path is not None and "prepare" in self.config and path.startswith(self.data + os.sep)
        flags = file_flags(self.embeddings[embedding].settings.get("flags", {}))
        own = self.prepared() if is_prepared else [path] if path else [path for _, path in flags]
        return [*own, *self.fetched(self.embeddings[embedding].settings.get("model"))]

    def fetched(self, model):
        """The file that says that a model of the hub lies in the cache; none for a folder."""
        return [os.path.join(self.out, "models", f"{slug(model)}.json")] if is_of_hub(model) else []

    def batches(self):
        """Runs that take seconds, by what they read, so many that a job is worth its start."""
        alike = {}
        for run in self.runs.values():
            if run.stage == "quick":
                alike.setdefault(tuple(self.inputs(run.name)), []).append(run.name)
        size = self.config["quick_batch"]
        return [runs[i : i + size] for runs in alike.values() for i in range(0, len(runs), size)]

    def hub_model_of(self, run):
        """The pretrained model that a run reads, which may be a folder too."""
        return run.words[run.words.index("--model") + 1] if "--model" in run.words else run.model.pretrained

    def of_data_folder(self, path):
        if self.data is None or os.path.exists(path):
            return path
        return os.path.join(self.data, path)

    # Checks

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
                wanted[f"models, entry {number}: sequences"] = self.of_data_folder(entry["sequences"])
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
        refuse_own([*fixed, *grid], place, OWN_FLAGS)
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


def refuse_own(flags, place, own):
    for key in flags:
        if key in own:
            raise WorkflowError(f'Cannot use the flag "{key}" in {place}: the workflow gives it itself')
