/**
 * A real Slurm on this one machine: munge, slurmctld and several nodes, each a slurmd of its own. Everything lies in one
 * folder and runs as the present user; nothing of the system's own Slurm is touched, and only what was started here is ended.
 *
 *     await using cluster = await SlurmCluster.start(folder, { nodes: 3 });
 *     await run("sbatch", [...], { env: cluster.env });
 *     await cluster.killNode("node2");
 */
import { join } from "@std/path";

const basePort = 17_800;

export interface ClusterSize {
  readonly nodes: number;
  /** What each node says that it has: more than the machine, where nodes share its cores. */
  readonly cpus: number;
  readonly memoryMb: number;
}

export class SlurmCluster {
  readonly #folder: string;
  readonly #size: ClusterSize;
  readonly #processes = new Map<string, Deno.ChildProcess>();
  /** For programs that talk to this Slurm. */
  readonly env: Readonly<Record<string, string>>;

  private constructor(folder: string, size: ClusterSize) {
    this.#folder = folder;
    this.#size = size;
    this.env = {
      SLURM_CONF: join(folder, "slurm.conf"),
      USER: Deno.env.get("USER") ?? "root",
      PATH: `${join(folder, "bin")}:${Deno.env.get("PATH")}`,
    };
  }

  /** @param folder new, without spaces */
  static async start(folder: string, size: ClusterSize): Promise<SlurmCluster> {
    const cluster = new SlurmCluster(folder, size);
    for (const name of ["munge", "state", "spool", "log"]) {
      await Deno.mkdir(join(folder, name), { recursive: true, mode: 0o755 });
    }
    await Deno.chmod(folder, 0o755);
    try {
      await cluster.#startMunge();
      await cluster.#wrapCommands();
      await Deno.writeTextFile(join(folder, "slurm.conf"), cluster.#configuration());
      await Deno.writeTextFile(join(folder, "gres.conf"), "Name=gpu File=/dev/null\n");
      await Deno.writeTextFile(join(folder, "cgroup.conf"), "CgroupPlugin=cgroup/v1\n");
      cluster.#spawn("slurmctld", "slurmctld", ["-D", "-f", join(folder, "slurm.conf")]);
      for (const node of cluster.nodes) cluster.startNode(node);
      await cluster.#until("all nodes are idle", async () => {
        const states = (await cluster.#slurm("sinfo", ["-h", "-N", "-p", "cpu", "-o", "%T"])).trim().split(
          "\n",
        );
        return states.length === size.nodes && states.every((state) => state === "idle");
      });
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  get nodes(): string[] {
    return Array.from({ length: this.#size.nodes }, (_, i) => `node${i + 1}`);
  }

  startNode(node: string): void {
    this.#spawn(node, "slurmd", ["-D", "-N", node, "-f", join(this.#folder, "slurm.conf")]);
  }

  /** End a node as a power cut does: its slurmd and everything that it had started. */
  async killNode(node: string): Promise<void> {
    const child = this.#processes.get(node);
    if (!child) throw new Error(`No node "${node}" is running`);
    this.#processes.delete(node);
    const below = [...await descendants([child.pid]), ...await this.#stepsOf(node)];
    for (const pid of [child.pid, ...below]) kill(pid, "SIGKILL");
    await child.status;
  }

  /** Job and node of the process whose command line holds `text`; null where there is none. */
  async jobOf(text: string): Promise<{ id: string; node: string } | null> {
    for (const { pid } of await processes()) {
      const command = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
      if (!command.includes(text)) continue;
      const words = (await Deno.readTextFile(`/proc/${pid}/environ`).catch(() => "")).split("\0");
      const value = (name: string) =>
        words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
      const id = value("SLURM_JOB_ID"), node = value("SLURMD_NODENAME");
      if (id && node) return { id, node };
    }
    return null;
  }

  async cancel(id: string): Promise<void> {
    await this.#slurm("scancel", [id]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const steps = (await Promise.all(this.nodes.map((node) => this.#stepsOf(node)))).flat();
    for (const pid of steps) kill(pid, "SIGKILL");
    for (const [, child] of [...this.#processes].reverse()) {
      kill(child.pid, "SIGTERM");
      const timer = setTimeout(() => kill(child.pid, "SIGKILL"), 5_000);
      await child.status;
      clearTimeout(timer);
    }
  }

  async #startMunge(): Promise<void> {
    const at = (name: string) => join(this.#folder, "munge", name);
    const key = crypto.getRandomValues(new Uint8Array(128));
    await Deno.writeFile(at("key"), key, { mode: 0o400 });
    this.#spawn("munge", "munged", [
      "--foreground",
      "--force",
      `--key-file=${at("key")}`,
      `--socket=${at("socket")}`,
      `--pid-file=${at("pid")}`,
      `--log-file=${at("log")}`,
      `--seed-file=${at("seed")}`,
    ]);
    await this.#until("munge answers", async () => {
      const { success } = await new Deno.Command("munge", {
        args: ["-n", `--socket=${at("socket")}`],
        stdout: "null",
        stderr: "null",
      }).output();
      return success;
    });
  }

  /** Commands that know where this Slurm is: Snakemake 9 takes SLURM_CONF away from its jobs. */
  async #wrapCommands(): Promise<void> {
    await Deno.mkdir(join(this.#folder, "bin"));
    for (const name of ["sbatch", "srun", "squeue", "sinfo", "scancel", "scontrol", "sacct", "sacctmgr"]) {
      const text = `#!/bin/sh\nSLURM_CONF='${this.env.SLURM_CONF}' exec /usr/bin/${name} "$@"\n`;
      await Deno.writeTextFile(join(this.#folder, "bin", name), text, { mode: 0o755 });
    }
  }

  #configuration(): string {
    const at = (...names: string[]) => join(this.#folder, ...names), { cpus, memoryMb } = this.#size;
    const user = this.env.USER, host = Deno.hostname();
    const nodes = this.nodes.map((node, i) =>
      `NodeName=${node} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${basePort + 1 + i} CPUs=${cpus} ` +
      `RealMemory=${memoryMb} Gres=gpu:1`
    );
    return `${
      [
        "ClusterName=test",
        `SlurmctldHost=${host}(127.0.0.1)`,
        `SlurmctldPort=${basePort}`,
        `SlurmUser=${user}`,
        `SlurmdUser=${user}`,
        "AuthType=auth/munge",
        "CredType=cred/munge",
        `AuthInfo=socket=${at("munge", "socket")}`,
        `StateSaveLocation=${at("state")}`,
        `SlurmdSpoolDir=${at("spool", "%n")}`,
        `SlurmctldPidFile=${at("slurmctld.pid")}`,
        `SlurmdPidFile=${at("%n.pid")}`,
        `SlurmctldLogFile=${at("log", "slurmctld")}`,
        `SlurmdLogFile=${at("log", "%n")}`,
        "ProctrackType=proctrack/linuxproc",
        "TaskPlugin=task/none",
        "MpiDefault=none",
        "JobAcctGatherType=jobacct_gather/none",
        "AccountingStorageType=accounting_storage/none",
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_CPU_Memory",
        "SchedulerType=sched/backfill",
        "SchedulerParameters=sched_min_interval=0,bf_interval=2",
        "SlurmdParameters=config_overrides",
        "GresTypes=gpu",
        "ReturnToService=2",
        "SlurmdTimeout=10",
        "KillWait=2",
        "MinJobAge=600",
        "JobRequeue=1",
        ...nodes,
        `PartitionName=cpu Nodes=${this.nodes.join()} Default=YES MaxTime=INFINITE State=UP`,
        `PartitionName=gpu Nodes=${this.nodes.join()} MaxTime=INFINITE State=UP`,
      ].join("\n")
    }\n`;
  }

  #spawn(name: string, program: string, args: string[]): void {
    const { env } = this;
    const child = new Deno.Command(program, { args, env, stdin: "null", stdout: "null", stderr: "null" })
      .spawn();
    this.#processes.set(name, child);
  }

  async #slurm(program: string, args: string[]): Promise<string> {
    const { success, stdout, stderr } = await new Deno.Command(program, { args, env: this.env }).output();
    if (success) return new TextDecoder().decode(stdout);
    throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
  }

  /** Processes of jobs on a node: they are no children of its slurmd, but their environment names the node. */
  async #stepsOf(node: string): Promise<number[]> {
    const found = new Set<number>();
    for (const { pid, parent } of await processes()) {
      const environment = await Deno.readTextFile(`/proc/${pid}/environ`).catch(() => "");
      const words = environment.split("\0");
      if (
        !words.includes(`SLURM_CONF=${this.env.SLURM_CONF}`) || !words.includes(`SLURMD_NODENAME=${node}`)
      ) continue;
      found.add(pid);
      const name = await Deno.readTextFile(`/proc/${parent}/comm`).catch(() => "");
      if (name.trim() === "slurmstepd") found.add(parent);
    }
    return [...found, ...await descendants([...found])];
  }

  async #until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      if (await isSo().catch(() => false)) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error(`Waited 20 seconds until ${what} (logs in "${join(this.#folder, "log")}")`);
  }
}

/** All processes below these. */
async function descendants(pids: readonly number[]): Promise<number[]> {
  const all = await processes(), found: number[] = [];
  for (let parents = new Set(pids); parents.size > 0;) {
    const children = all.filter(({ parent }) => parents.has(parent)).map(({ pid }) => pid);
    found.push(...children);
    parents = new Set(children);
  }
  return found;
}

async function processes(): Promise<{ pid: number; parent: number }[]> {
  const found: { pid: number; parent: number }[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await Deno.readTextFile(`/proc/${name}/stat`).catch(() => null); // it may have ended meanwhile
    if (stat !== null) {
      found.push({ pid: Number(name), parent: Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) });
    }
  }
  return found;
}

function kill(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error;
  }
}
