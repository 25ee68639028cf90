/**
 * What all parts of the tree kernel share: sizes, parameters and where each array lies. One instance of the module
 * serves one thread; its memory holds one data set and one output at a time.
 *
 * The arrays are laid out by `configure()` in boosting.ts; sizes in the comments are in elements.
 */

/**
 * How splits are searched: exactly on any data, exactly on dense data with weights 0 or 1, over histograms, and over
 * histograms or, tree by tree, over the lists of the dense engine.
 */
export const EXACT_ANY: i32 = 0;
export const EXACT_DENSE: i32 = 1;
export const HIST: i32 = 2;
export const HIST_DENSE: i32 = 3;
export let method: i32 = EXACT_ANY;
/** Candidates are the bounds of bins. */
export let usesBins: bool = false;
/** Sums of the gradients of the tree in work round nothing, whatever their order; known for trees over bins only. */
export let areSumsExact: bool = false;
/** The tree in work is searched over presorted lists. */
export let usesLists: bool = false;

// Sizes ------------------------------------------------------------------------------------------------------------
export let rows: i32 = 0;
export let features: i32 = 0;
export let testRows: i32 = 0;
/** Distinct nodes that a tree can have. */
export let maxNodes: i32 = 0;

// Parameters (XGBoost's names and float types) ---------------------------------------------------------------------
export let rounds: i32 = 0;
export let maxDepth: i32 = 0;
export let eta: f32 = 0;
export let lambda: f32 = 0;
export let alpha: f32 = 0;
export let gamma: f32 = 0;
export let minChildWeight: f32 = 0;
export let subsample: f32 = 1;
export let colsampleTree: f32 = 1;
export let colsampleLevel: f32 = 1;
export let colsampleNode: f32 = 1;
export let seed: u32 = 0;

// The data set -----------------------------------------------------------------------------------------------------
/** f32, features x rows: values by column; NaN is missing. */
export let columns: usize = 0;
/** i32, features x rows: rows of each column by ascending value, missing ones left out. */
export let order: usize = 0;
/** i32, features: how many rows of the column are not missing. */
export let present: usize = 0;
/** f32, testRows x features. */
export let testValues: usize = 0;
/** f32, rows. */
export let weights: usize = 0;

// The output in work ---------------------------------------------------------------------------------------------
/** f32, rows: targets; overwritten by the host before each call of train(). */
export let targets: usize = 0;
/** f32, rows and testRows: running predictions. */
export let trainPrediction: usize = 0;
export let testPrediction: usize = 0;
/** f64, rows x 2: gradient and hessian (each an f32 widened). */
export let gradients: usize = 0;
/** u8, rows: 1 where the row is in this tree's sample. */
export let sampled: usize = 0;
/** u8, features: 1 where this tree may use the feature. */
export let allowed: usize = 0;
/** u8, features: the same for the level and for the node in work. */
export let allowedInLevel: usize = 0;
export let allowedInNode: usize = 0;
/** i32, features: scratch of the column sampler. */
export let shuffled: usize = 0;

// The level in work (slots are its open nodes, in order of their ids) -----------------------------------------------
/** i32, rows: rows by slot, ascending within one; two buffers that take turns. */
export let slotRows: usize = 0;
export let nextSlotRows: usize = 0;
/** i32, rows: node that the row ended in. */
export let leafOfRow: usize = 0;
/** u8, rows: 0 where the row goes left, else 16 (bytes of a list's entry). */
export let goesRight: usize = 0;
/** Slot records, and those of the next level (see slot.ts). */
export let slots: usize = 0;
export let nextSlots: usize = 0;
export let slotCount: i32 = 0;
/** Node records of the tree in work (see tree.ts). */
export let tree: usize = 0;
export let nodeCount: i32 = 0;

export function setSizes(
  newMethod: i32,
  newRows: i32,
  newFeatures: i32,
  newTestRows: i32,
  newMaxNodes: i32,
): void {
  method = newMethod;
  usesBins = method == HIST || method == HIST_DENSE;
  usesLists = method == EXACT_DENSE;
  rows = newRows;
  features = newFeatures;
  testRows = newTestRows;
  maxNodes = newMaxNodes;
}

export function setParameters(
  newRounds: i32,
  newMaxDepth: i32,
  newEta: f32,
  newLambda: f32,
  newAlpha: f32,
  newGamma: f32,
  newMinChildWeight: f32,
): void {
  rounds = newRounds;
  maxDepth = newMaxDepth;
  eta = newEta;
  lambda = newLambda;
  alpha = newAlpha;
  gamma = newGamma;
  minChildWeight = newMinChildWeight;
}

export function setSampling(
  newSubsample: f32,
  newColsampleTree: f32,
  newColsampleLevel: f32,
  newColsampleNode: f32,
  newSeed: u32,
): void {
  subsample = newSubsample;
  colsampleTree = newColsampleTree;
  colsampleLevel = newColsampleLevel;
  colsampleNode = newColsampleNode;
  seed = newSeed;
}

export function setDataSet(
  newColumns: usize,
  newOrder: usize,
  newPresent: usize,
  newTestValues: usize,
  newWeights: usize,
): void {
  columns = newColumns;
  order = newOrder;
  present = newPresent;
  testValues = newTestValues;
  weights = newWeights;
}

export function setOutput(
  newTargets: usize,
  newTrainPrediction: usize,
  newTestPrediction: usize,
  newGradients: usize,
): void {
  targets = newTargets;
  trainPrediction = newTrainPrediction;
  testPrediction = newTestPrediction;
  gradients = newGradients;
}

export function setMasks(
  newSampled: usize,
  newAllowed: usize,
  newAllowedInLevel: usize,
  newAllowedInNode: usize,
  newShuffled: usize,
): void {
  sampled = newSampled;
  allowed = newAllowed;
  allowedInLevel = newAllowedInLevel;
  allowedInNode = newAllowedInNode;
  shuffled = newShuffled;
}

export function setLevel(
  newSlotRows: usize,
  newNextSlotRows: usize,
  newGoesRight: usize,
  newLeafOfRow: usize,
  newSlots: usize,
  newNextSlots: usize,
): void {
  slotRows = newSlotRows;
  nextSlotRows = newNextSlotRows;
  goesRight = newGoesRight;
  leafOfRow = newLeafOfRow;
  slots = newSlots;
  nextSlots = newNextSlots;
}

/** For a tree over bins: `exact` where its sums round nothing. */
export function setExactSums(exact: bool): void {
  areSumsExact = exact;
  usesLists = method == HIST_DENSE && exact;
}

export function startTree(newTree: usize): void {
  tree = newTree;
  nodeCount = 0;
  slotCount = 0;
}

export function setNodeCount(count: i32): void {
  nodeCount = count;
}

export function setSlotCount(count: i32): void {
  slotCount = count;
}

/** The next level's slots and rows become this level's. */
export function turnLevel(newSlotCount: i32): void {
  const oldRows = slotRows;
  slotRows = nextSlotRows;
  nextSlotRows = oldRows;
  const oldSlots = slots;
  slots = nextSlots;
  nextSlots = oldSlots;
  slotCount = newSlotCount;
}
