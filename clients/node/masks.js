// Masks of a `Segmentation`, from whichever output was asked for.

/** The id of pixels without a class: padding, what was cut off, classes that were not asked for. */
export const NO_CLASS = 255;

const DECODERS = {
  labels: (segmentation) => segmentation.labels,
  rle: (segmentation) => fillRuns(segmentation, (segment) => segment.rle.counts),
  rle_compressed: (segmentation) =>
    fillRuns(segmentation, (segment) => decompressRuns(segment.rle.compressed)),
  polygons: (segmentation) => fillPolygons(segmentation),
};

/** The outputs that `decodeLabels` reads. */
export const OUTPUTS = Object.keys(DECODERS);

/**
 * The class of each pixel: a byte a pixel, row by row.
 *
 * `output` is the one of OUTPUTS that was asked for. Throws an Error if the masks do not have the
 * size that the segmentation names.
 */
export function decodeLabels(segmentation, output) {
  const labels = DECODERS[output](segmentation);
  const pixels = segmentation.width * segmentation.height;
  if (labels.length !== pixels) {
    throw new Error(`labels of ${labels.length} bytes are not those of ${pixels} pixels`);
  }
  return labels;
}

/** The share of all pixels for each class id that is there, the largest first; without NO_CLASS. */
export function countShares(labels) {
  const counts = new Array(256).fill(0);
  for (const id of labels) counts[id] += 1;
  return [...counts.slice(0, NO_CLASS).entries()]
    .filter(([, count]) => count > 0)
    .sort(([, one], [, other]) => other - one)
    .map(([id, count]) => [id, count / labels.length]);
}

/** Runs go column by column, and the first one is of pixels that are not of the class. */
function fillRuns({ width, height, segments }, runsOf) {
  const labels = Buffer.alloc(width * height, NO_CLASS);
  for (const segment of segments) {
    let at = 0;
    let inside = false;
    for (const run of runsOf(segment)) {
      const end = at + run;
      if (end > labels.length) throw new Error("the runs of a class are longer than the mask");
      if (inside) {
        for (; at < end; at += 1) {
          labels[(at % height) * width + Math.floor(at / height)] = segment.class_id;
        }
      }
      at = end;
      inside = !inside;
    }
    if (at !== labels.length) throw new Error("the runs of a class are shorter than the mask");
  }
  return labels;
}

/**
 * The run lengths in COCO's string.
 *
 * A character holds 5 bits of a number, the lowest first, and whether there are more; the highest
 * bit of the last one is the sign. From the fourth on, a number is the difference to the run before
 * the last. Source: `rleFrString` of github.com/cocodataset/cocoapi, common/maskApi.c.
 */
export function decompressRuns(text) {
  const runs = [];
  for (let at = 0; at < text.length;) {
    let number = 0;
    let scale = 1; // multiplied and not shifted: a run may have more than 31 bits
    let character;
    do {
      character = text.charCodeAt(at) - 48;
      number += (character & 31) * scale;
      scale *= 32;
      at += 1;
    } while (character & 32);
    if (character & 16) number -= scale;
    if (runs.length > 2) number += runs[runs.length - 2];
    runs.push(number);
  }
  return runs;
}

/** A pixel is of a class if a line from its centre to the left crosses an odd number of edges. */
function fillPolygons({ width, height, segments }) {
  const labels = Buffer.alloc(width * height, NO_CLASS);
  for (const segment of segments) {
    const crossed = crossings(segment.polygons, width, height);
    for (let row = 0; row < height; row += 1) {
      let inside = 0;
      for (let column = 0; column < width; column += 1) {
        inside ^= crossed[row * (width + 1) + column];
        if (inside) labels[row * width + column] = segment.class_id;
      }
    }
  }
  return labels;
}

/** For each row, the columns at which an odd number of edges is crossed: (width + 1) × height. */
function crossings(polygons, width, height) {
  const crossed = new Uint8Array((width + 1) * height);
  for (const { points } of polygons) {
    let [x, y] = points.slice(-2); // outlines are closed
    for (let at = 0; at < points.length; at += 2) {
      const [toX, toY] = [points[at], points[at + 1]];
      const end = Math.ceil(Math.max(y, toY) - 0.5);
      for (let row = Math.ceil(Math.min(y, toY) - 0.5); row < end; row += 1) {
        const crossing = x + ((row + 0.5 - y) * (toX - x)) / (toY - y);
        crossed[row * (width + 1) + Math.ceil(crossing - 0.5)] ^= 1;
      }
      [x, y] = [toX, toY];
    }
  }
  return crossed;
}
