// Draws a frame and its mask on two canvases, at the same moment.

const LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** A pixel of ImageData for #rrggbb. */
function pixelOf(color) {
  const rgb = parseInt(color.slice(1), 16);
  return LITTLE
    ? (255 << 24) | ((rgb & 255) << 16) | (rgb & 0xff00) | (rgb >> 16)
    : (rgb << 8) | 255;
}

const SHADE = LITTLE ? 0xa0000000 : 0x000000a0; // black that shows some of what is behind it

/** A colour three quarters of the way to white. */
function lighten(color) {
  const channels = [1, 3, 5].map((at) => 255 - ((255 - parseInt(color.slice(at, at + 2), 16)) >> 2));
  return `#${channels.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
}

export class Painter {
  #picture;
  #mask;
  #turn = 0;
  #drawn = 0;

  constructor(picture, mask) {
    this.#picture = picture;
    this.#mask = mask;
  }

  /**
   * Decode and draw a frame's picture, or clear the picture if it cannot be decoded: that of another
   * frame would be wrong under a mask. Returns "drawn" or "blank", and the mask is to be painted at
   * once; or "late" if a later frame was drawn meanwhile, and then nothing has changed.
   */
  async drawPicture(picture, [width, height]) {
    this.#turn += 1;
    const turn = this.#turn;
    const bitmap = await createImageBitmap(picture).catch(() => null);
    const late = turn < this.#drawn;
    if (!late) {
      this.#drawn = turn;
      resize(this.#picture, bitmap?.width ?? width, bitmap?.height ?? height);
      const context = this.#picture.getContext("2d");
      context.clearRect(0, 0, this.#picture.width, this.#picture.height);
      if (bitmap) context.drawImage(bitmap, 0, 0);
    }
    bitmap?.close();
    if (late) return "late";
    return bitmap ? "drawn" : "blank";
  }

  /** Colour the mask and outline its classes; those whose ids are `hidden` are left out. */
  paintMask(labels, header, hidden) {
    const [width, height] = header.size;
    resize(this.#mask, width, height);
    const [colors, lines] = [new Uint32Array(256), new Uint32Array(256).fill(SHADE)];
    for (const { id, color } of header.classes) {
      if (hidden.has(id)) continue;
      colors[id] = pixelOf(color);
      lines[id] = pixelOf(lighten(color));
    }
    const image = new ImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let at = 0; at < pixels.length; at += 1) pixels[at] = colors[labels[at]];
    // A light line within a class and a dark one around it: one of them shows on any picture.
    const line = (one, other) => {
      const [first, second] = [labels[one], labels[other]];
      if (first === second || colors[first] === colors[second]) return;
      pixels[one] = lines[first];
      pixels[other] = lines[second];
    };
    for (let row = 0, at = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1, at += 1) {
        if (column + 1 < width) line(at, at + 1);
        if (row + 1 < height) line(at, at + width);
      }
    }
    this.#mask.getContext("2d").putImageData(image, 0, 0);
  }

  /** What is seen, at the picture's size. */
  compose(opacity, smooth) {
    const canvas = document.createElement("canvas");
    resize(canvas, this.#picture.width, this.#picture.height);
    const context = canvas.getContext("2d");
    context.drawImage(this.#picture, 0, 0);
    context.globalAlpha = opacity;
    context.imageSmoothingEnabled = smooth;
    context.drawImage(this.#mask, 0, 0, canvas.width, canvas.height);
    return canvas;
  }
}

/** Setting the size clears a canvas, so it is only set where it differs. */
function resize(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}
