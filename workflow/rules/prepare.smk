# From a screen, a GTF and a genome to the data folder that all scripts read. Left out where data_dir or targets are given.


def megabytes(base, factor=0):
    """Memory of a job as measured (docs/cluster.md): base, and so many times its inputs; more where a try before ran out."""
    return lambda wildcards, input, attempt: int((base + factor * sum(map(os.path.getsize, input)) / 1e6) * attempt)


def minutes(base):
    return lambda wildcards, attempt: base * attempt


if "prepare" in config:

    rule prepare:
        input:
            [path for _, path in file_flags(config["prepare"])],
        output:
            f"{out}/data/prepare.json",
        log:
            f"{out}/logs/prepare.log",
        params:
            command=line(commands.prepare()),
        threads: 1
        resources:
            mem_mb=megabytes(2000, 0.2),
            runtime=minutes(120),
        shell:
            "{params.command} > {log:q} 2>&1"
