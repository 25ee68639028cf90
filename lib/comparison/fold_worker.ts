/** The thread behind `FoldScorer`: answers each fold with its scores. */
/// <reference lib="deno.worker" />
import { type FoldRows, foldScores } from "./distance_scores.ts";

self.onmessage = ({ data }: MessageEvent<FoldRows>) => self.postMessage(foldScores(data));
