# Cross-validations. What takes long is cut into parts, trees by genes and networks by folds. A part works in a folder of its
# own, where a second try finds what the first has left, and appears in parts/ as a whole; one merge reads all parts of a run.


localrules:
    merge_parts,


def run_device(wildcards):
    return plan.runs[wildcards.run].device


def runs_of(stage):
    """A pattern of the names of all runs that a rule trains."""
    return "|".join(re.escape(run.name) for run in plan.runs.values() if run.stage == stage) or "none^"


def threads_flag(wildcards):
    return plan.runs[wildcards.run].model.threads


def train_command(wildcards):
    return line(plan.train(wildcards.run, ["--resume"], os.path.join(out, "results")))


def part_command(wildcards):
    run, index = wildcards.run, int(wildcards.part)
    work = plan.work(run, index)
    flags = [*plan.part_flags(run, index), "--resume"]
    return line(plan.train(run, flags, work))


def unfinished(wildcards):
    return os.path.join(plan.work(wildcards.run, int(wildcards.part)), wildcards.run, "unfinished")


part_of_run = f"{out}/parts/{{run}}/{{part}}-of-{{total}}"
part_log = f"{out}/logs/train/{{run}}_{{part}}-of-{{total}}.log"
part_benchmark = f"{out}/benchmarks/train/{{run}}_{{part}}-of-{{total}}.tsv"
result_files = [f"{out}/results/{{run}}/manifest.json", f"{out}/results/{{run}}/summary.json"]


# Closed forms take seconds each: a job does several, one after the other, and fails in the end if one of them did.
for number, batch in enumerate(plan.batches(), 1):

    rule:
        name:
            f"train_quick_{number}"
        input:
            plan.inputs(batch[0]),
        output:
            [f"{out}/results/{run}/{name}" for run in batch for name in ("manifest.json", "summary.json")],
        log:
            [f"{out}/logs/train/{run}.log" for run in batch],
        benchmark:
            f"{out}/benchmarks/train/quick_{number}.tsv"
        params:
            command=plan.train_all(batch),
        threads: 1
        retries: 3
        resources:
            mem_mb=megabytes(2000, 8),
            runtime=minutes(len(batch) + 10),
        shell:
            "{params.command}"


# What could be cut, with `parts: 1`.
rule train_whole:
    input:
        lambda wildcards: plan.inputs(wildcards.run),
    output:
        result_files,
    wildcard_constraints:
        run=runs_of("whole"),
    log:
        f"{out}/logs/train/{{run}}.log",
    benchmark:
        f"{out}/benchmarks/train/{{run}}.tsv"
    params:
        command=train_command,
        threads=threads_flag,
    threads: 4
    retries: 3
    resources:
        mem_mb=megabytes(4000, 8),
        runtime=minutes(720),
        slurm_partition=gpu_partition(run_device),
        slurm_extra=gpu_request(run_device),
    shell:
        "{params.command} {params.threads} {threads} > {log:q} 2>&1"


rule train_genes:
    input:
        lambda wildcards: plan.inputs(wildcards.run),
    output:
        temp(directory(part_of_run)),
    wildcard_constraints:
        run=runs_of("genes"),
    log:
        part_log,
    benchmark:
        part_benchmark
    params:
        command=part_command,
        threads=threads_flag,
        unfinished=unfinished,
    threads: 4
    retries: 3
    resources:
        mem_mb=megabytes(2000, 8),
        runtime=minutes(60),
    shell:
        "{params.command} {params.threads} {threads} > {log:q} 2>&1 && mv {params.unfinished:q} {output:q}"


rule train_folds:
    input:
        lambda wildcards: plan.inputs(wildcards.run),
    output:
        temp(directory(part_of_run)),
    wildcard_constraints:
        run=runs_of("folds"),
    log:
        part_log,
    benchmark:
        part_benchmark
    params:
        command=part_command,
        threads=threads_flag,
        unfinished=unfinished,
    threads: 4
    retries: 3
    resources:
        mem_mb=megabytes(4000, 8),
        runtime=minutes(240),
        slurm_partition=gpu_partition(run_device),
        slurm_extra=gpu_request(run_device),
    shell:
        "{params.command} {params.threads} {threads} > {log:q} 2>&1 && mv {params.unfinished:q} {output:q}"


# Copies, so that no part of a run is ever written to by two jobs; the script learns nothing here and refuses gaps.
rule merge_parts:
    input:
        parts=lambda wildcards: [plan.part(wildcards.run, i) for i in range(1, plan.runs[wildcards.run].parts + 1)],
        more=lambda wildcards: plan.inputs(wildcards.run),
    output:
        result_files,
    wildcard_constraints:
        run=f"{runs_of('genes')}|{runs_of('folds')}",
    log:
        f"{out}/logs/train/{{run}}_merge.log",
    params:
        unfinished=lambda wildcards: os.path.join(plan.result(wildcards.run), "unfinished"),
        work=lambda wildcards: os.path.join(out, "work", wildcards.run),
        command=lambda wildcards: line(
            plan.train(wildcards.run, ["--merge"], os.path.join(out, "results"), device="cpu")
        ),
    shell:
        "rm -rf {params.unfinished:q} && mkdir -p {params.unfinished:q} && "
        'for part in {input.parts:q}; do cp "$part"/*.safetensors {params.unfinished:q}; done && '
        "{params.command} > {log:q} 2>&1 && rm -rf {params.work:q}"
