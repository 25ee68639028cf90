/**
 * Tensors on either engine, with gradients: what every model is written against.
 *
 *     const hidden = linear(x, w1, b1, { activation: "relu" });
 *     const loss = maskedSquaredError(linear(hidden, w2, b2), y);
 *     backward(loss);            // w1.grad, b1.grad, ...
 *
 * Operations are enqueued and return at once; only `await tensor.read()` waits. See tensor.ts for who frees what.
 */
export * from "./tensor.ts";
export { backward, checkpoint, isRecording, noGrad, record } from "./tape.ts";
export * from "./elementwise.ts";
export * from "./products.ts";
export * from "./layout.ts";
export * from "./sequence.ts";
export * from "./loss.ts";
