// Writes labels as a PNG of 8 bits with a palette: pixel values are class ids.

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const BLOCK = 65535;

export function labelsPng(labels, { size: [width, height], classes }) {
  const rows = new Uint8Array((width + 1) * height); // a filter of 0 before each row
  for (let row = 0; row < height; row += 1) {
    rows.set(labels.subarray(row * width, (row + 1) * width), row * (width + 1) + 1);
  }
  const palette = new Uint8Array(768).fill(128);
  for (const { id, color } of classes) {
    const rgb = parseInt(color.slice(1), 16);
    palette.set([rgb >> 16, (rgb >> 8) & 255, rgb & 255], 3 * id);
  }
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head.set([8, 3, 0, 0, 0], 8);
  const parts = [new Uint8Array(SIGNATURE), chunk("IHDR", head), chunk("PLTE", palette)];
  parts.push(chunk("IDAT", zlib(rows)), chunk("IEND", new Uint8Array(0)));
  return new Blob(parts, { type: "image/png" });
}

/** Data as zlib wants it, in blocks that are not compressed (RFC 1950 and 1951). */
function zlib(data) {
  const blocks = Math.max(1, Math.ceil(data.length / BLOCK));
  const out = new Uint8Array(2 + 5 * blocks + data.length + 4);
  out.set([0x78, 0x01]);
  let at = 2;
  for (let block = 0; block < blocks; block += 1) {
    const part = data.subarray(block * BLOCK, (block + 1) * BLOCK);
    const size = part.length;
    out.set([block === blocks - 1 ? 1 : 0, size & 255, size >> 8, ~size & 255, (~size >> 8) & 255], at);
    out.set(part, at + 5);
    at += 5 + size;
  }
  let [low, high] = [1, 0]; // Adler-32
  for (const byte of data) {
    low = (low + byte) % 65521;
    high = (high + low) % 65521;
  }
  new DataView(out.buffer).setUint32(at, ((high << 16) | low) >>> 0);
  return out;
}

function chunk(kind, data) {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  for (let at = 0; at < 4; at += 1) out[4 + at] = kind.charCodeAt(at);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc(out.subarray(4, 8 + data.length)));
  return out;
}

// CRC-32: PNG (third edition), annex D.
const TABLE = Array.from({ length: 256 }, (_, number) => {
  let value = number;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

function crc(data) {
  let value = 0xffffffff;
  for (const byte of data) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}
