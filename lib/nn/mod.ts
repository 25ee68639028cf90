/** Layers, starting weights, optimisers, schedules and the training loop. */
export * from "./adam.ts";
export * from "./checkpoint_file.ts";
export * from "./gradients.ts";
export * from "./initialisers.ts";
export * from "./layers.ts";
export * from "./loss_log.ts";
export * from "./plateau.ts";
export * from "./snapshot.ts";
export * from "./training.ts";
export * from "./training_step.ts";
