"""What the workflow must know of the scripts, and what a config's runs and embeddings are."""

from dataclasses import dataclass, field


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
    # The model of the hub that it takes without --model.
    pretrained: "str | None" = None


MODELS = {
    "hs27_lel": Model(None, threads=None),
    "lel_embed": Model(None, ("embeddings", "gene_embeddings"), threads=None),
    "hs27_xgboost": Model("genes", ("embeddings",), parts=8, threads="--n-jobs"),
    "hs_27_mlp_nt": Model("folds", ("embeddings",)),
    "hs_27_mlp_hyena": Model("folds", ("embeddings",)),
    "concat_gene_tf_mlp": Model("folds", ("embeddings", "gene_embeddings")),
    "nt_v2_ia3_regression": Model(
        "folds", ("sequences",), pretrained="InstaDeepAI/nucleotide-transformer-v2-50m-multi-species"
    ),
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
OWN_EMBEDDING_FLAGS = {
    "pipeline", "model", "input", "output", "output-dir", "shard", "merge", "resume", "device", "threads", "help", "progress",
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
