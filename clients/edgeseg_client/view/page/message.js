// Reads the binary messages of the page's server; see message.py.

const decoder = new TextDecoder();

/** The header, the labels (class ids, row by row, 255 is no class) and the picture, or null. */
export function readMessage(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(decoder.decode(new Uint8Array(buffer, 4, length)));
  const lengths = new Uint32Array(buffer, 4 + length, header.runs);
  const ids = new Uint8Array(buffer, 4 + length + 4 * header.runs, header.runs);
  const rest = 4 + length + 5 * header.runs;
  const picture = rest < buffer.byteLength ? new Blob([new Uint8Array(buffer, rest)], { type: "image/jpeg" }) : null;
  return { header, runs: { lengths: lengths.slice(), ids: ids.slice() }, picture, bytes: buffer.byteLength };
}

/** The class id of each pixel. */
export function readLabels({ header, runs }) {
  const labels = new Uint8Array(header.size[0] * header.size[1]);
  let at = 0;
  for (let number = 0; number < runs.ids.length; number += 1) {
    labels.fill(runs.ids[number], at, at + runs.lengths[number]);
    at += runs.lengths[number];
  }
  return labels;
}
