// The command line.

import { parseArgs } from "node:util";

import { OUTPUTS } from "./masks.js";

const HELP = `Usage: node segment.js image [options] FILE...    each file in a call of its own
       node segment.js stream [options] FILE...   all of them as frames of a stream

Segments pictures (JPEG, PNG, WebP, BMP) or raw frames with a daemon of edgeseg, and prints a line
for each frame: its id, its status, and the classes found with their share of all pixels.

  --server ADDRESS   HOST:PORT or unix:///PATH (EDGESEG_SERVER; default 127.0.0.1:8460)
  --model NAME       the model; default: the daemon's first
  --as OUTPUT        what the daemon sends: ${OUTPUTS.join(", ")} (default labels).
                     The mask is the same
  --size SIZE        size of the mask: model (default), frame, or WIDTHxHEIGHT
  --classes NAMES    only these, such as: person,car
  --out FOLDER       write each mask as FOLDER/ID.pgm: a byte a pixel, the id of its class
  --raw WxH:FORMAT   the files hold raw frames, such as 640x480:rgb or 1920x1080:nv12
  --first-id N       id of the first frame (default 0)
  --timeout SECONDS  the deadline of the call (default none)
  --ca FILE          use TLS, with this authority's certificate (PEM)
  --token TOKEN      send it with each call (EDGESEG_TOKEN)
  --proto FILE       the contract; default: that of the checkout

Only for streams:
  --policy POLICY    every (default): no frame is dropped, answers come in the order of the frames.
                     latest: for cameras; a newer frame supersedes one that waits
  --fps N            send so many frames a second (default: as fast as the daemon takes them)
  --loop N           send the files so many times (default 1)
  --max-age MS       a frame that is older is not segmented
  --priority P       low, normal (default) or high
  --reuse MODE       off (default), identical or unchanged: the result of an earlier frame may do

Exit status: 0 done, 1 a frame failed, 2 wrong usage or the daemon refuses the request, 3 no answer.
`;

const OPTIONS = {
  as: { type: "string", default: "labels" },
  ca: { type: "string" },
  classes: { type: "string" },
  "first-id": { type: "string", default: "0" },
  fps: { type: "string" },
  help: { type: "boolean", short: "h" },
  loop: { type: "string" },
  "max-age": { type: "string" },
  model: { type: "string", default: "" },
  out: { type: "string" },
  policy: { type: "string" },
  priority: { type: "string" },
  proto: { type: "string" },
  raw: { type: "string" },
  reuse: { type: "string" },
  server: { type: "string", default: process.env.EDGESEG_SERVER || "127.0.0.1:8460" },
  size: { type: "string", default: "model" },
  timeout: { type: "string" },
  token: { type: "string", default: process.env.EDGESEG_TOKEN || "" },
};

/** The defaults of the options that are only for streams. */
const STREAM_DEFAULTS = {
  fps: undefined,
  loop: "1",
  "max-age": "0",
  policy: "every",
  priority: "normal",
  reuse: "off",
};

/** A wrong argument; the message says what to write instead. */
export class UsageError extends Error {}

/** The arguments, checked; null if the help was printed. Throws UsageError. */
export function readArguments(words) {
  let parsed;
  try {
    parsed = parseArgs({ args: words, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`${error.message} See --help`);
  }
  const { positionals } = parsed;
  const values = { ...STREAM_DEFAULTS, ...parsed.values };
  if (values.help) {
    process.stdout.write(HELP);
    return null;
  }
  const [command, ...files] = positionals;
  if (!["image", "stream"].includes(command)) {
    throw new UsageError("the first argument is image or stream; see --help");
  }
  const wrong = Object.keys(STREAM_DEFAULTS).find((name) => name in parsed.values);
  if (command === "image" && wrong) {
    throw new UsageError(`--${wrong} is only for streams: node segment.js stream; see --help`);
  }
  if (files.length === 0) throw new UsageError("name at least one file; see --help");
  return {
    ...values,
    command,
    files,
    as: oneOf("--as", values.as, OUTPUTS),
    policy: oneOf("--policy", values.policy, ["every", "latest"]),
    priority: oneOf("--priority", values.priority, ["low", "normal", "high"]),
    reuse: oneOf("--reuse", values.reuse, ["off", "identical", "unchanged"]),
    size: readSize(values.size),
    raw: values.raw === undefined ? {} : readRaw(values.raw),
    firstId: readId(values["first-id"]),
    fps: values.fps === undefined ? undefined : readPositive("--fps", values.fps),
    loop: readWhole("--loop", values.loop),
    maxAge: readWhole("--max-age", values["max-age"]),
    timeout: values.timeout === undefined ? Infinity : readPositive("--timeout", values.timeout),
  };
}

function oneOf(name, value, allowed) {
  if (allowed.includes(value)) return value;
  throw new UsageError(`${name} is ${allowed.join(", ")}, not ${value}`);
}

function readPositive(name, text) {
  if (Number(text) > 0) return Number(text);
  throw new UsageError(`${name} is a number above 0, not ${text}`);
}

function readWhole(name, text) {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`${name} is a whole number, not ${text}`);
}

function readId(text) {
  if (/^\d+$/.test(text) && BigInt(text) < 1n << 64n) return BigInt(text);
  throw new UsageError(`--first-id is a whole number of at most 64 bits, not ${text}`);
}

/** An `OutputSize`. */
function readSize(text) {
  const numbers = /^(\d+)x(\d+)$/.exec(text);
  if (numbers) {
    const [width, height] = numbers.slice(1).map(Number);
    return { mode: "OUTPUT_SIZE_MODE_CUSTOM", width, height };
  }
  return { mode: `OUTPUT_SIZE_MODE_${oneOf("--size", text, ["model", "frame"]).toUpperCase()}` };
}

/** The fields of a `Frame` that describe raw pixels. */
function readRaw(text) {
  const parts = /^(\d+)x(\d+):(\w+)$/.exec(text);
  if (!parts) throw new UsageError(`--raw is WIDTHxHEIGHT:FORMAT, not ${text}`);
  return {
    width: Number(parts[1]),
    height: Number(parts[2]),
    format: `FRAME_FORMAT_${parts[3].toUpperCase()}`,
  };
}
