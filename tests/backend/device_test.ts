import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { UsageError } from "../../lib/cli/errors.ts";
import { chooseDevice, type Device, openBackend } from "../../lib/backend/device.ts";
import { webGpuTest } from "../support/webgpu.ts";

Deno.test("openBackend() takes the CPU on request, and says so in one line", async () => {
  const { backend, reason } = await openBackend({ device: "cpu", threads: 1 });
  assertEquals(backend.name, "cpu");
  assertMatch(reason, /^Device: CPU.* \(asked for by --device cpu\)$/);
  await backend.close();
});

Deno.test("openBackend() opens what chooseDevice() names for --device auto", async () => {
  const { device, why } = await chooseDevice();
  const { backend, reason } = await openBackend({ device: "auto", threads: 1 });
  assertEquals(backend.name, device);
  assertEquals(reason.endsWith(`(${why})`), true, reason);
  await backend.close();
});

Deno.test("openBackend() refuses a device that it does not know", async () => {
  const device = "cuda" as Device;
  await assertRejects(
    () => openBackend({ device }),
    UsageError,
    'Unknown device "cuda". Use auto, webgpu or cpu',
  );
});

webGpuTest("openBackend() takes any WebGPU adapter on request, a software one too", async () => {
  const { backend, reason } = await openBackend({ device: "webgpu" });
  assertEquals(backend.name, "webgpu");
  assertMatch(reason, /^Device: WebGPU, .+ \(asked for by --device webgpu\)$/);
  await backend.close();
});
