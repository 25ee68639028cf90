/** A worker thread of cpu_engine.ts. */
import { openKernelFitter } from "./cpu_engine.ts";
import { serveFits } from "./fitting_threads.ts";

serveFits(openKernelFitter);
