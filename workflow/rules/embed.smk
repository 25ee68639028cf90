# DNA to vectors: an embedding is cut into shards, each a job; the merge reads and writes some megabytes, where Snakemake runs.


localrules:
    fetch_model,
    merge_shards,


def gpu_partition(device_of):
    return lambda wildcards: config["gpu"]["partition"] if device_of(wildcards) == "webgpu" else ""


def gpu_request(device_of):
    return lambda wildcards: config["gpu"]["request"] if device_of(wildcards) == "webgpu" else ""


def embedding_device(wildcards):
    return plan.embeddings[wildcards.embedding].device


hub_models = {
    slug(model): model
    for model in [
        *(embedding.settings.get("model") for embedding in plan.embeddings.values()),
        *(plan._hub_model_of(run) for run in plan.runs.values()),
    ]
    if plan.fetched(model)
}


# Compute nodes often have no internet, and two jobs would download the same file at once.
rule fetch_model:
    output:
        f"{out}/models/{{model}}.json",
    log:
        f"{out}/logs/fetch_model/{{model}}.log",
    params:
        fasta=lambda wildcards, output: output[0].removesuffix(".json") + ".fa",
        command=lambda wildcards, output: line(
            plan.fetch(
                hub_models[wildcards.model],
                output[0].removesuffix(".json") + ".fa",
                output[0].removesuffix(".json") + ".npy",
            )
        ),
    shell:
        "printf '>x\\nACGTACGTACGT\\n' > {params.fasta:q} && {params.command} > {log:q} 2>&1"


rule embed_shard:
    input:
        lambda wildcards: plan.embedding_inputs(wildcards.embedding),
    output:
        vectors=temp(f"{out}/embeddings/{{embedding}}.shard-{{part}}-of-{{total}}.npy"),
        ids=temp(f"{out}/embeddings/{{embedding}}_gene_ids.shard-{{part}}-of-{{total}}.npy"),
        record=temp(f"{out}/embeddings/{{embedding}}.shard-{{part}}-of-{{total}}.json"),
    log:
        f"{out}/logs/embed/{{embedding}}_{{part}}-of-{{total}}.log",
    benchmark:
        f"{out}/benchmarks/embed/{{embedding}}_{{part}}-of-{{total}}.tsv"
    params:
        command=lambda wildcards: line(
            plan.embed(
                wildcards.embedding,
                *["--shard", f"{wildcards.part}/{wildcards.total}", "--resume"],
                *["--device", embedding_device(wildcards)],
            )
        ),
    threads: 4
    retries: 3
    resources:
        mem_mb=megabytes(4000),
        runtime=minutes(240),
        slurm_partition=gpu_partition(embedding_device),
        slurm_extra=gpu_request(embedding_device),
    shell:
        "{params.command} --threads {threads} > {log:q} 2>&1"


def shards_of(wildcards):
    count = plan.embeddings[wildcards.embedding].shards
    names = [f"{wildcards.embedding}{{}}.shard-{index}-of-{count}{{}}" for index in range(1, count + 1)]
    endings = [("", ".npy"), ("_gene_ids", ".npy"), ("", ".json")]
    return [os.path.join(out, "embeddings", name.format(*ending)) for name in names for ending in endings]


rule merge_shards:
    input:
        shards_of,
    output:
        f"{out}/embeddings/{{embedding}}.npy",
        f"{out}/embeddings/{{embedding}}_gene_ids.npy",
        f"{out}/embeddings/{{embedding}}.json",
    log:
        f"{out}/logs/embed/{{embedding}}_merge.log",
    params:
        command=lambda wildcards: line(plan.embed(wildcards.embedding, "--merge")),
    shell:
        "{params.command} > {log:q} 2>&1"
