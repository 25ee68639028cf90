/** A second thread that searches components: answers one message, the profiles and some folds, with what it found. */
/// <reference lib="deno.worker" />
import { profileComponents, type ProfileSearch } from "./profile_components.ts";

self.onmessage = async ({ data: { values, folds, count } }: MessageEvent<ProfileSearch>) => {
  self.postMessage(await profileComponents(values, folds, count, 1));
};
