"""The work of bench/genome.ts in pyfaidx and py2bit: seconds and a hash of each part as one line of JSON. Run by it."""

import hashlib
import json
import sys
import time

import py2bit
import pyfaidx

folder, repeats = sys.argv[1], int(sys.argv[2])
windows = json.load(open(f"{folder}/windows.json"))
complement = str.maketrans("ACGTN", "TGCAN")


def directed(sequence, strand):
    return sequence.translate(complement)[::-1] if strand == "-" else sequence


def with_pyfaidx():
    genome = pyfaidx.Fasta(f"{folder}/genome.fa", as_raw=True, sequence_always_upper=True)
    return [directed(genome[w["chrom"]][w["start"]:w["end"]], w["strand"]) for w in windows]


def with_py2bit():
    genome = py2bit.open(f"{folder}/genome.2bit")
    return [directed(genome.sequence(w["chrom"], w["start"], w["end"]).upper(), w["strand"]) for w in windows]


def timed(work):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        sequences = work()
        times.append(time.perf_counter() - start)
    return {"seconds": sorted(times)[repeats // 2], "md5": hashlib.md5("".join(sequences).encode()).hexdigest()}


print(json.dumps({
    f"FASTA, pyfaidx {pyfaidx.__version__}": timed(with_pyfaidx),
    f".2bit, py2bit {py2bit.__version__}": timed(with_py2bit),
}))
