/** Hexagons of a plane and how many points fall into each. */
export interface HexagonBins {
  /** Hexagons with at least one point. */
  hexagons: { x: number; y: number; count: number }[];
  /** Distance between neighbouring centres along x, and between rows of one lattice along y. */
  stepX: number;
  stepY: number;
  /** What the bins cover. */
  extent: Extent;
  /** Points drawn, and finite points beyond the extent. */
  inside: number;
  outside: number;
}

export interface Extent {
  xMin: number;
  xMax: number;
  yMin: number;
  yMax: number;
}

/**
 * Count points in hexagons, as matplotlib's `hexbin(x, y, gridsize=across, mincnt=1)` does: two rectangular lattices,
 * one moved by half a step, and every point goes to the nearer of its two candidates (Carr et al. 1987).
 *
 * Points with a coordinate that is not finite are left out. The bins cover the points' own range, cut to `limits`
 * (both axes) where given, so that there are `across` bins in what is drawn.
 *
 * @param x, y coordinates, as many of each
 * @param across number of hexagons along x
 */
export function hexagonBins(
  x: Float32Array,
  y: Float32Array,
  across: number,
  limits: readonly [number, number] = [-Infinity, Infinity],
): HexagonBins {
  const { finite, ...extent } = rangeOf(x, y, limits);
  const { xMin, xMax, yMin, yMax } = extent;
  const up = Math.max(1, Math.floor(across / Math.sqrt(3)));
  const stepX = (xMax - xMin) / across, stepY = (yMax - yMin) / up;
  const perX = across / (xMax - xMin), perY = up / (yMax - yMin);
  const widthA = across + 1, widthB = across;
  const latticeA = new Uint32Array(widthA * (up + 1)), latticeB = new Uint32Array(widthB * up);

  let inside = 0;
  for (let i = 0; i < x.length; i++) {
    const px = x[i], py = y[i];
    if (!(px >= xMin && px <= xMax && py >= yMin && py <= yMax)) continue;
    inside++;
    // Never negative here, so `| 0` is floor.
    const column = (px - xMin) * perX, row = (py - yMin) * perY;
    const columnA = (column + 0.5) | 0, rowA = (row + 0.5) | 0;
    const columnB = Math.min(column | 0, widthB - 1), rowB = Math.min(row | 0, up - 1);
    const dxA = column - columnA, dyA = row - rowA;
    const dxB = column - columnB - 0.5, dyB = row - rowB - 0.5;
    if (dxA * dxA + 3 * dyA * dyA < dxB * dxB + 3 * dyB * dyB) latticeA[rowA * widthA + columnA]++;
    else latticeB[rowB * widthB + columnB]++;
  }

  const hexagons: HexagonBins["hexagons"] = [];
  for (const [lattice, width, shift] of [[latticeA, widthA, 0], [latticeB, widthB, 0.5]] as const) {
    lattice.forEach((count, cell) => {
      if (count === 0) return;
      const column = cell % width + shift, row = Math.floor(cell / width) + shift;
      hexagons.push({ x: xMin + column * stepX, y: yMin + row * stepY, count });
    });
  }
  return { hexagons, stepX, stepY, extent, inside, outside: finite - inside };
}

/** Range of the points within the limits; never empty. */
function rangeOf(
  x: Float32Array,
  y: Float32Array,
  [low, high]: readonly [number, number],
): Extent & { finite: number } {
  let xMin = Infinity, xMax = -Infinity, yMin = Infinity, yMax = -Infinity, finite = 0;
  for (let i = 0; i < x.length; i++) {
    const px = x[i], py = y[i];
    if (!(px - px === 0 && py - py === 0)) continue; // NaN for what is not finite
    finite++;
    if (px < low || px > high || py < low || py > high) continue;
    if (px < xMin) xMin = px;
    if (px > xMax) xMax = px;
    if (py < yMin) yMin = py;
    if (py > yMax) yMax = py;
  }
  [xMin, xMax] = widened(xMin, xMax);
  [yMin, yMax] = widened(yMin, yMax);
  return { xMin, xMax, yMin, yMax, finite };
}

/** A range that has some width, as matplotlib widens it: a tenth to both sides of a single value. */
function widened(min: number, max: number): [number, number] {
  if (min > max) return [0, 1];
  if (max - min > Math.max(Math.abs(min), Math.abs(max)) * 1e-12) return [min, max];
  const margin = min === 0 ? 0.1 : 0.1 * Math.abs(min);
  return [min - margin, max + margin];
}
