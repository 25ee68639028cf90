import { assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";

const repository = fromFileUrl(new URL("../../", import.meta.url));

async function deviceInfo(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P", "scripts/device_info.ts", ...args],
    cwd: repository,
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("device_info.ts tells the devices, what --device auto takes and why, and measures each engine", async () => {
  const { code, stdout, stderr } = await deviceInfo("--seconds", "0.1");
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  assertMatch(stdout, /^CPU +\d+ cores$/m);
  assertMatch(stdout, /^WebGPU +\S/m);
  assertMatch(stdout, /\n\[result\] --device auto takes (cpu|webgpu): \S.*\n$/);
  assertMatch(stdout, /matmul \d+ x \d+, f32 +[\d.]+ GFLOP\/s/);
});

Deno.test("device_info.ts --seconds 0 describes and measures nothing", async () => {
  const { code, stdout } = await deviceInfo("--seconds", "0");
  assertEquals(code, 0);
  assertEquals(stdout.includes("GFLOP/s"), false);
});
