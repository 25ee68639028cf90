# One report on all runs. Left out with `compare: null`.


def report_files():
    return [os.path.join(out, "report", "comparison.json")] if config["compare"] is not None else []


if config["compare"] is not None:

    localrules:
        compare,

    rule compare:
        input:
            [os.path.join(plan.result(run), "manifest.json") for run in plan.runs],
        output:
            f"{out}/report/comparison.json",
        log:
            f"{out}/logs/compare.log",
        params:
            command=line(commands.compare()),
        shell:
            "{params.command} > {log:q} 2>&1"
