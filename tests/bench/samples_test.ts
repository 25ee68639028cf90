/** The samples that bench/all.ts keeps, and what a bench says where its peer is missing. */
import { assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { findPeer } from "../../bench/peer.ts";
import { bySubject, keepSamples, openSamples } from "../../bench/samples.ts";
import type { Row } from "../../bench/rows.ts";
import { DataError, UsageError } from "../../lib/cli/errors.ts";

const now = { commit: "1a2b3c4", machine: "a processor", versions: "numpy 2", tiny: false };
const row = (subject: string, seconds: number): Row => ({
  subject,
  engine: null,
  ours: { seconds },
  peer: { seconds: 1 },
  peerName: "NumPy",
});

Deno.test("samples go on from their file, and are not mixed with those of another commit", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "with a space.json");
    const samples = await openSamples(path, now);
    samples.runs.push({ bench: "mlp.ts", round: 1, rows: [row("b", 1), row("a", 2)] });
    samples.runs.push({ bench: "mlp.ts", round: 2, rows: [row("a", 3), row("b", 4)] });
    await keepSamples(path, samples);
    const kept = await openSamples(path, now);
    assertEquals(kept, samples);
    assertEquals(
      bySubject(kept).map((rows) => rows.map(({ subject, ours }) => `${subject} ${ours.seconds}`)),
      [["b 1", "b 4"], ["a 2", "a 3"]],
    );
    await assertRejects(
      () => openSamples(path, { ...now, commit: "5d6e7f8" }),
      UsageError,
      `its commit is "1a2b3c4", now "5d6e7f8" (name another file with --samples)`,
    );
    await Deno.writeTextFile(path, "{}");
    await assertRejects(() => openSamples(path, now), DataError, "it holds no samples of bench/all.ts");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("findPeer() names the program that is not there", async () => {
  await assertRejects(
    () => findPeer(["numpy"], "/no/such/python"),
    UsageError,
    `Cannot run the peer "/no/such/python": there is no such program; run bash bench/peers.sh`,
  );
});

Deno.test("a bench without its peer ends with one sentence and exit code 2", async () => {
  const bench = fromFileUrl(new URL("../../bench/mlp.ts", import.meta.url));
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=test", bench, "--python", "/no/such/python"],
  }).output();
  assertEquals(code, 2);
  assertEquals(new TextDecoder().decode(stderr).trim().split("\n").length, 1);
});
